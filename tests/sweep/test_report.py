import csv
import json
import re
from itertools import product
from statistics import stdev

import pytest

from unet_lightning.command.sweep_report import main
from unet_lightning.error import InputError
from unet_lightning.sweep.outcome import Outcome, read_sweep, settings, varied_levels
from unet_lightning.sweep.ranking import is_continuous, pooled_std
from unet_lightning.sweep.report import map_keys

LOSS, UPSAMPLE, FUSION, SEED = ("ce", "dice"), ("transposed", "unpool"), ("concat", "add"), (1, 2, 3)
EFFECT = {"ce": 0.02, "dice": -0.02, "transposed": 0.01, "unpool": -0.01, "concat": 0.0, "add": 0.0}
NOISE = {1: -0.004, 2: 0.0, 3: 0.004}


def scores(value):
    return {"pooled": {name: {"foreground": value} for name in ("dice", "iou", "precision", "recall", "accuracy")}}


def write_trial(folder, overrides, more=(), **results):
    path = folder / ",".join(overrides)
    path.mkdir(parents=True)
    content = {"overrides": [*overrides, *more], "status": "finished"} | results
    (path / "results.json").write_text(json.dumps(content))


@pytest.fixture
def sweep(tmp_path):
    """24 trials worked by hand: 0.8 plus effects plus the seed's noise; the test split says the opposite."""
    plan, place = {}, ["run=NAME"]  # which is no part of a setting
    for loss, upsample, fusion, seed in product(LOSS, UPSAMPLE, FUSION, SEED):
        typed = [f"loss={loss}", f"upsample={upsample}", f"fusion={fusion}", f"seed={seed}"]
        plan[",".join(typed)] = typed
        value = 0.8 + EFFECT[loss] + EFFECT[upsample] + NOISE[seed]
        cost = {"seconds": 10.0 * seed, "parameters": 1000, "memory": {"gpu": None, "process": 2**30}}
        write_trial(tmp_path, typed, place, val=scores(value), test=scores(1 - value), **cost)
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    return tmp_path


def test_means_and_deviations_over_seeds(sweep):
    ranked = settings(read_sweep(sweep), "dice")
    assert len(ranked) == 8
    best = ranked[0]
    assert best.overrides[:2] == ["loss=ce", "upsample=transposed"]
    assert best.mean("val") == pytest.approx(0.83)
    assert best.std("val") == pytest.approx(stdev(NOISE.values())) == pytest.approx(0.004)
    assert best.mean("test") == pytest.approx(0.17)
    assert (best.cost("seconds"), best.cost("parameters"), best.cost("memory")) == (20, 1000, 1024)
    assert pooled_std(ranked) == pytest.approx(0.004)


def test_the_report_says_what_was_worked_by_hand(sweep, capsys):
    assert main([str(sweep)]) == 0
    text = (sweep / "sweep.md").read_text()
    assert "24 trials: 24 finished." in text
    assert "python train.py loss=ce upsample=transposed fusion=concat\n" in text
    assert "| ce | transposed | concat | 3 | 0.8300 ± 0.0040 | 0.1700 ± 0.0040 | 20 | 1,024 | 1,000 |" in text
    assert "| loss | ce | 12 | 0.8200 | 0.0200 ± 0.0000 |" in text
    assert "| upsample | unpool | 12 | 0.7900 | -0.0100 ± 0.0000 |" in text
    assert "1 of 7 others lie within two standard errors of it (seeds: SD 0.0040, pooled)" in text
    assert "python train.py loss=ce" in capsys.readouterr().out


def test_the_html_needs_nothing_beside_itself(sweep):
    main([str(sweep)])
    page = (sweep / "sweep.html").read_text()
    assert page.count("<svg") == 5  # map, effects, three costs
    assert "0.8300" in page
    assert not [word for word in ("src=", "@import", "url(", "fetch(") if word in page]
    assert set(re.findall(r'href="(.)', page)) == {"#"}
    assert page.replace("http://www.w3.org/2000/svg", "").count("http") == 0


def test_the_csv_has_a_line_a_trial(sweep):
    main([str(sweep)])
    with (sweep / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert rows[0]["loss"] == "ce"
    assert float(rows[0]["val_dice"]) == pytest.approx(0.826)
    assert rows[0]["memory"] == "1024.0"


def test_a_partial_sweep_says_what_is_missing_and_why(sweep):
    trials = sorted(path.parent for path in sweep.glob("*/results.json"))
    for path in (trials[0], trials[1]):
        (path / "results.json").unlink()
    (trials[2] / "results.json").write_text(json.dumps({"status": "failed", "error": "OutOfMemoryError: <big>\nmore"}))
    (trials[3] / "results.json").write_text(json.dumps({"status": "running"}))
    (trials[4] / "results.json").write_text('{"status": "fin')
    main([str(sweep)])
    text, page = ((sweep / f"sweep.{kind}").read_text() for kind in ("md", "html"))
    assert "24 trials: 1 failed, 19 finished, 1 running, 3 waiting." in text
    assert f"| {trials[2].name} | failed | OutOfMemoryError: \\<big\\> |" in text
    assert "OutOfMemoryError: &lt;big&gt;" in page
    assert "| loss | ce |" in text
    assert "0.0200 ±" in text


def test_one_lucky_seed_does_not_win(tmp_path):
    for seed, value in enumerate((0.80, 0.82, 0.81)):
        write_trial(tmp_path, ["loss=ce", f"seed={seed}"], val=scores(value))
    write_trial(tmp_path, ["loss=dice", "seed=0"], val=scores(0.9))
    main([str(tmp_path), "--score", "iou"])
    text = (tmp_path / "sweep.md").read_text()
    assert "python train.py loss=ce" in text
    assert "1 with fewer seeds have a higher mean so far" in text
    assert "foreground IoU" in text


def test_one_seed_is_no_reason_to_believe(tmp_path):
    for loss, value in (("ce", 0.8), ("dice", 0.7)):
        write_trial(tmp_path, [f"loss={loss}"], val=scores(value))
    main([str(tmp_path)])
    text = (tmp_path / "sweep.md").read_text()
    assert "The next is 0.1000 behind; one seed can't tell" in text
    assert "| loss | ce | 1 | 0.8000 | 0.0500 |" in text


def test_nothing_finished_yet_is_a_report_too(tmp_path):
    write_trial(tmp_path, ["loss=ce"], status="failed", error="no")
    main([str(tmp_path)])
    assert "No trial has finished yet." in (tmp_path / "sweep.html").read_text()


@pytest.mark.parametrize("arguments", [["{}"], ["{}", "loss=ce"], ["{}/nowhere"]])
def test_what_is_no_sweep_is_refused(tmp_path, arguments):
    with pytest.raises(InputError):
        main([argument.format(tmp_path) for argument in arguments])


def test_numbers_from_an_interval_are_no_factor(tmp_path):
    for k in range(5):
        write_trial(tmp_path, [f"optimizer.lr={10.0**-k}", f"loss={('ce', 'dice')[k % 2]}"], val=scores(0.1 * k))
    ranked = settings(read_sweep(tmp_path), "dice")
    assert is_continuous("optimizer.lr", ranked)
    assert not is_continuous("loss", ranked)
    main([str(tmp_path)])
    assert "Numbers that were searched" in (tmp_path / "sweep.html").read_text()


def test_a_key_left_alone_has_the_value_its_group_chose():
    trials = [Outcome("a", {"loss": "focal"}, {}), Outcome("b", {}, {"choices": {"loss": "ce"}}), Outcome("c", {}, {})]
    assert varied_levels(trials) == {"loss": ["focal", "ce", "default"]}


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        (["loss", "fusion", "upsample"], ["fusion", "loss", "upsample"]),
        (["upsample", "loss"], ["loss", "upsample"]),
        (["data.crop", "loss", "seed"], ["data.crop", "seed", "loss"]),
    ],
)
def test_the_map_puts_the_parts_of_the_network_first(factors, expected):
    assert map_keys(factors) == expected
