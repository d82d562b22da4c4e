"""Wrong overrides of every verb, drawn at random: each is refused in one line, and nothing breaks or hangs.

100 cases here; `make fuzz` tries 500.
"""

import os
import random
from collections import Counter
from functools import partial

import pytest

from tests.fuzz import BAD, attempt
from tests.small import TRIAL, write_untrained
from unet_lightning.command.arguments import parse, parser
from unet_lightning.command.compare import main as compare
from unet_lightning.command.convert import main as convert
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.command.plan import main as plan
from unet_lightning.command.sweep_report import main as sweep_report
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.config.overlay import USED
from unet_lightning.config.plain import flat
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.runtime.files import BEST
from unet_lightning.training.build import build

CASES = max(1, int(os.environ.get("UNET_LIGHTNING_FUZZ", "400")) // 4)
LONGEST = 60  # seconds that a case may take
VERBS = ("train", "validate", "convert", "plan", "compare", "sweep-report", *USED)
KEYS = {  # of verbs with keys of their own
    "compare": ["vary", "resamples"],
    "plan": ["plan.encoder", "plan.memory_gb", "plan.channels", "data.number", "data.fold", "data.folds", "seed"],
}
WRONG = [  # of no key: neither its type nor its range
    *(
        "-inf",
        "nan",
        "-1000000",
        "1000000000000000000000000",
        "[[1,2],[3]]",
        "{a:{b:1}}",
        "'a\nb'",
        "{_target_:os.system}",
    ),
    *("${nope}", "${oc.env:NOPE}", "[", "a(b", "中文(", "choice(1,2)", "1,2", "range(1,3)", "-1e400", "[nan]", "???"),
]


def wrong(keys, draw):
    """An override that no verb can mean."""
    key = draw.choice(keys)
    name = key.replace("a", "aa", 1) if "a" in key else f"{key}x"
    return draw.choice(
        [
            *[f"{key}={draw.choice(WRONG)}"] * 6,
            *(f"~{key}", f"{name}=1", f"+{name}=1", f"{key}.deeper=1", f"{key}@x=1", f"{key}=", f"++{key}=[{key}]"),
        ]
    )


def take(verb, override, run):
    """What a verb does with an override before it reads a data set; train also builds its parts, and verbs that take
    seconds do all of their work.
    """
    _, typed = parse(parser(verb, ""), [override])
    if verb in USED:
        load(run / BEST, overrides=typed, verb=verb, fixed=["split=val"] if verb == "tune" else [])
    elif verb in ("train", "validate"):
        plain = resolve(compose([*TRIAL, *typed]))
        if verb == "train":
            build(plain)
    elif WHOLE[verb](run, override):
        raise InputError("said on stderr")


WHOLE = {
    "convert": lambda run, override: convert(
        [*TRIAL, override, "--output", str(run / f"set{len(list(run.iterdir()))}")]
    ),
    "plan": lambda _, override: plan([*TRIAL, override]),
    "compare": lambda run, override: compare([str(run), str(run / "again"), override]),
    "sweep-report": lambda run, override: sweep_report([str(run), override]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of an untrained network that was scored twice."""
    folder = tmp_path_factory.mktemp("run")
    write_untrained(folder / BEST)
    for output in (folder / "evaluation" / "test", folder / "again"):
        evaluate([str(folder / BEST), "--output", str(output), "resamples=100"])
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(7200)
def test_a_wrong_override_is_refused_in_a_line(run):
    keys = sorted(flat(resolve(compose(TRIAL))))
    counts, bad = Counter(), []
    for case in range(CASES):
        draw = random.Random(case)
        verb = draw.choice(VERBS)
        override = wrong(KEYS.get(verb, keys), draw)
        how, words = attempt(partial(take, verb, override, run), LONGEST)
        counts[how] += 1
        if how in BAD:
            bad.append(f"{verb} {override}: {how}: {words[:300]}")
        if how == "done" and os.environ.get("UNET_LIGHTNING_FUZZ_ACCEPTED"):
            print("accepted", verb, override)
    print(dict(counts))
    assert not bad, "\n".join(bad)
    assert counts["refused"] > 0.6 * CASES
