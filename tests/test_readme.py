"""Every command line of the README in a fresh clone, on the checkpoint of the network that the defaults train."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHORT = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.log_every_n_steps=1", "data.num_workers=0"]
VERB = "import sys; sys.argv[0] = 'unet-lightning'; from unet_lightning.cli import main; sys.exit(main())"
STARTED_ELSEWHERE = ("-m", "tensorboard", "make", "sweep-report", "pip")  # sweeps have tests of their own


def lines() -> list[list[str]]:
    """The README's command lines, comments removed, in the order in which they are printed."""
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    found = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in found if words and not any(word in STARTED_ELSEWHERE for word in words[:3])]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The tracked files, as `git clone` would give them, and a run of the default network in `outputs/`."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def few_images(whole: Path, part: Path) -> None:
    """Three images of each split of a converted set, in a folder of their own."""
    with (whole / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [row for name in ("train", "val", "test") for row in [r for r in rows if r["split"] == name][:3]]
    for path in {Path(value) for row in rows for value in row.values() if (whole / value).is_file()}:
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole / path, part / path)
    with (part / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def command(words: list[str], clone: Path) -> str:
    """What the line prints on standard output; it must end with code 0."""
    known = {"/my/": f"{clone.parent}/", "best.ckpt": f"{clone}/outputs/a/checkpoints/best.ckpt"}
    words = [re.sub("/my/|^best.ckpt$", lambda found: known[found.group()], word) for word in words]
    words = [f"{clone}/outputs/{next(runs)}" if word == "RUN" else word for runs in [iter("ab")] for word in words]
    words = [f"{clone.parent}/set/images" if word == "images/" else word for word in words]
    start = {"python": [sys.executable], "unet-lightning": [sys.executable, "-c", VERB]}[words[0]]
    environment = os.environ | {"PYTHONPATH": str(clone), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [*start, *words[1:]], cwd=clone, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
    return done.stdout


def test_every_line_of_the_readme_runs(clone):
    trainings = [words for words in lines() if words[0] == "python"]
    verbs = {words[1]: words for words in lines() if words[0] == "unet-lightning"}
    assert len(trainings) == 3
    assert list(verbs) == ["validate", "convert", "predict", "tune", "evaluate", "compare", "export"]
    command(verbs["convert"], clone)  # the bundled nuclei at half their size
    few_images(clone.parent / "nuclei", clone.parent / "set")
    for name, words in zip("abc", reversed(trainings), strict=True):
        command([*words, "data=folder", "data.root=/my/set", f"run={name}", *SHORT], clone)
        assert json.loads((clone / f"outputs/{name}/results.json").read_text())["status"] == "finished"
    for verb in ("validate", "predict", "tune", "evaluate", "export"):
        assert command(verbs[verb], clone)
    command([word.replace("best.ckpt", "outputs/b/checkpoints/best.ckpt") for word in verbs["evaluate"]], clone)
    assert command([*verbs["compare"], "vary=postprocess"], clone)  # one of the two was tuned
    pictures = {path.stem for path in (clone.parent / "set/images").iterdir()}
    assert len(pictures & {path.stem for path in (clone / "labels").glob("*.png")}) == len(pictures) == 9
    checkpoints = clone / "outputs/a/checkpoints"
    assert (checkpoints / "best.postprocess.json").is_file()
    assert list(clone.rglob("report.html"))
    assert list(clone.rglob("*.onnx"))
