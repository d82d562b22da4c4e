"""The studies: every page says what its results say, every preset composes, the statistics against SciPy."""

import csv
import json
import re
from collections import Counter
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy import stats

from experiments import collect, figures, render
from experiments.fine_tuning import __main__ as fine_tuning
from experiments.plan import __main__ as plan
from experiments.race import sets
from tests.small import QUIET, TINY_NETWORK, config
from tests.typed import typed
from unet_lightning.data import nuclei
from unet_lightning.error import InputError
from unet_lightning.sweep.outcome import Outcome
from unet_lightning.training.run import CommandLine, train

ROOT = Path(__file__).parents[1]
PAPER = {"0.9203", "0.7756"}  # numbers of the 2015 paper
PAGES = sorted((ROOT / "experiments").glob("*/README*.md"))
PAGES = [path for path in PAGES if "<!-- facts {" in path.read_text(encoding="utf-8")]
VERDICT = {"README.md": ("**Verdict.** ", r"\.(?=\s+[A-Z]|$)"), "README.zh-CN.md": ("**结论。** ", "。")}  # and ends
PRESETS = sorted((ROOT / "experiments").glob("*/*.yaml"))
PRESETS = [path for path in PRESETS if path.parent.name != "data"]
RESULTS = sorted((ROOT / "experiments").glob("*/results/*.json"))
SWEPT = [path for path in RESULTS if (path.parents[1] / f"{path.stem}.yaml").is_file()]
TIMED = {"plan": plan.PRESETS, "fine_tuning": fine_tuning.PRESETS}


def named(path):
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_says_what_its_results_say(page, tmp_path):
    folder, text = page.parent, page.read_text(encoding="utf-8")
    assert render.render(render.Study(folder, tmp_path), page.name) == text
    drawn = sorted((tmp_path / "results").glob("*"))
    assert {path.name for path in drawn} == {Path(name).name for name in re.findall(r"\]\((results/[^)]+)\)", text)}
    for path in drawn:
        kept = folder / "results" / path.name
        if path.suffix == ".svg":
            assert path.read_bytes() == kept.read_bytes()
        else:  # what is drawn counts, not how another release of OpenCV packs it
            pictures = [cv2.imread(str(one)).astype(int) for one in (path, kept)]
            assert (np.abs(pictures[0] - pictures[1]).max(2) > 8).mean() < 0.001
    kept = {path.name for path in (folder / "results").iterdir()}
    assert {name for name in kept if not name.endswith(".json")} == {path.name for path in drawn}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_has_no_gap_and_its_links_lead_somewhere(page):
    folder, text = page.parent, page.read_text(encoding="utf-8")
    assert "VERDICT" not in text
    assert "CHANGE" not in text
    start, end = VERDICT[page.name]
    verdict = text.split(start)[1].split("\n\n")[0]
    assert len(re.findall(end, verdict)) == 3
    table = [
        float(number) for line in text.splitlines() if line.startswith("|") for number in re.findall(r"\d+\.\d+", line)
    ]
    for number in set(re.findall(r"0\.\d+", verdict)) - PAPER:
        assert any(f"{value:.{len(number) - 2}f}" == number for value in table), f"{number} is in no table"
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (folder / link).exists(), link
    for preset in {path.stem for path in folder.glob("*.yaml")}:
        assert f"preset: {preset}" in text


@pytest.mark.parametrize(
    "path", [path for path in RESULTS if path.parents[1].name in TIMED], ids=lambda path: path.stem
)
def test_results_of_a_timed_study_are_trials_of_its_preset(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for place in ("dsb2018/flat", *(one.place for one in sets.SETS.values())):
        (tmp_path / "data" / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("UNET_LIGHTNING_DATA", str(tmp_path / "data"))
    found = json.loads(path.read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"[0-9a-f]{7}", commit) for commit in found["commit"].split(", "))
    planned = {trial.name: trial for trial in TIMED[path.parents[1].name][path.stem]()}
    names = [trial["name"] for trial in found["trials"]]
    assert len(set(names)) == len(names)
    for trial in found["trials"]:
        assert trial["setting"] == planned[trial["name"]].setting
        assert trial["status"] == "finished"
        assert 0 <= trial["scores"]["iou"] <= 1
        assert trial["seconds"] < 60 * 1.1 * minutes_of(planned[trial["name"]].overrides)


def minutes_of(overrides):
    """The processor minutes that a trial may take; without end where it is trained by epochs."""
    found = [line.partition("=")[2] for line in overrides if re.search(r"(plan|deadline)\.minutes=", line)]
    return float(found[0]) if found else float("inf")


@pytest.mark.parametrize("path", SWEPT, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_results_hold_three_seeds_of_every_setting_of_the_preset(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{7}", found["commit"])
    assert found["machine"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    preset = OmegaConf.to_container(OmegaConf.load(path.parent.parent / f"{path.stem}.yaml"))
    params = preset["hydra"]["sweeper"]["params"]
    grids = [params | grid for grid in preset.get("search", {"grids": [{}]})["grids"]]
    wanted = {
        frozenset(f"{key}={value}" for key, value in zip(grid, values, strict=True))
        for grid in grids
        for values in product(*(str(value).split(",") for value in grid.values()))
    }
    assert Counter(frozenset(trial["overrides"]) for trial in found["trials"]) == Counter(wanted)
    assert len(params["seed"].split(",")) >= 3
    for trial in found["trials"]:
        assert trial["status"] == "finished"
        assert 0 <= trial["scores"]["iou"] <= 1
        assert trial["scores"]["iou"] == pytest.approx(trial["test"]["pooled"]["iou"]["foreground"], abs=2e-5)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_preset_composes_under_the_command_it_names(path):
    command = next(line for line in path.read_text().splitlines() if line.startswith("#   python train.py"))
    words = command.removeprefix("#   python train.py -m ").split()
    assert words == ["-cd", f"experiments/{path.parent.name}", "-cn", path.stem]
    done = typed("train", *words, "--cfg", "job", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "_target_" in done.stdout


def test_an_interval_is_students_of_the_row_alone():
    column = [0.1, 0.2, 0.45]
    low, high = stats.ttest_1samp(column, 0).confidence_interval(0.95)
    assert render.half_width(column) == pytest.approx((high - low) / 2)
    assert render.shown(column, "iou") == f"0.250 ± {(high - low) / 2:.3f}"
    assert render.shown([0.25], "iou") == "0.250"
    assert render.shown([0.25], "joined") == "0.2"
    assert render.shown([1.9e6], "parameters") == "1.9M"


def test_differences_pair_the_trials_of_a_seed(tmp_path):
    kept = [
        {"overrides": [f"seed={seed}"], "setting": {"a": a}, "scores": {"iou": value}}
        for a, seed, value in (("x", 0, 0.5), ("x", 1, 0.7), ("y", 1, 0.9), ("y", 0, 0.6))
    ]
    text = render.differences(render.Study(tmp_path, tmp_path), {"trials": kept}, ["a"], ["iou"], {"a": "x"})
    low, high = stats.ttest_rel([0.6, 0.9], [0.5, 0.7]).confidence_interval(0.95)
    assert text.splitlines()[2:] == [f"| y | +0.150 ± {(high - low) / 2:.3f} |"]


def test_runs_of_labels_come_back():
    labels = np.random.default_rng(0).integers(0, 3, (9, 9)).astype(np.int32)
    assert np.array_equal(figures.labels_of(figures.runs(labels), 9), labels)


def test_a_setting_has_the_chosen_file_the_value_in_the_config_or_a_dash():
    outcome = Outcome("x", {}, {"choices": {"weight": "border"}})
    config = {"weight": {"w0": 5.0}, "data": {"ridge": 0}}
    found = [collect.value(key, outcome, config) for key in ("weight", "weight.w0", "data.ridge", "weight.beta.x")]
    assert found == ["border", "5", "0", "–"]


def test_a_preset_that_was_not_run_is_said_so_with_what_to_type(tmp_path):
    (tmp_path / "README.md").write_text(
        "a\n<!-- table {preset: full, rows: [x], scores: [iou]} -->\nold\n<!-- end -->\nb"
    )
    assert f"`python -m experiments.{tmp_path.name} full`" in render.render(render.Study(tmp_path, tmp_path))
    (tmp_path / "full.yaml").touch()  # a sweep's
    text = render.render(render.Study(tmp_path, tmp_path))
    assert "old" not in text
    assert f"-cd experiments/{tmp_path.name} -cn full" in text
    assert text.startswith("a\n<!-- table")
    assert text.endswith("<!-- end -->\nb")


def test_a_place_that_no_trial_has_is_refused(tmp_path):
    with pytest.raises(InputError, match="no trial of quick"):
        render.chosen({"preset": "quick", "trials": [{"setting": {"data": "x"}}]}, {"data": "y"})


def test_an_unfinished_sweep_is_not_collected(tmp_path):
    (tmp_path / "seed=0").mkdir()
    (tmp_path / "seed=0" / "results.json").write_text('{"status": "failed", "overrides": ["seed=0"]}')
    with pytest.raises(InputError, match="1 trials aren't finished, such as seed=0"):
        collect.main(["paper_cells", "quick", "--sweep", str(tmp_path)])


def test_the_same_trial_in_two_folders_is_not_counted_twice(tmp_path):
    for name in ("seed=0", "also"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text('{"status": "finished", "overrides": ["seed=0"]}')
    with pytest.raises(InputError, match="are the same trial; delete one"):
        collect.main(["paper_cells", "quick", "--sweep", str(tmp_path)])


def test_a_sweep_is_collected_and_told(tmp_path):
    small = ["data=synthetic", "data.number=6", "data.height=48", "data.width=48", "data.crop=32"]
    small += ["data.crops_per_image=2", "trainer.fast_dev_run=false", "trainer.max_steps=2", *TINY_NETWORK, *QUIET]
    for seed in (0, 1):
        for ridge in (0, 2):
            overrides = [f"seed={seed}", f"data.ridge={ridge}", *small]
            command_line = CommandLine(overrides, {"data": "synthetic", "fusion": "concat"})
            train(config(*overrides), tmp_path / f"{seed}{ridge}", command_line)
    assert collect.main(["paper_cells", "quick", "--sweep", str(tmp_path), "--output", str(tmp_path / "results")]) == 0
    found = json.loads((tmp_path / "results" / "quick.json").read_text())
    assert len(found["trials"]) == 4
    assert found["machine"]
    assert {trial["setting"]["data.ridge"] for trial in found["trials"]} == {"0", "2"}
    for trial in found["trials"]:
        assert trial["scores"]["iou"] == pytest.approx(trial["test"]["pooled"]["iou"]["foreground"], abs=2e-5)
        assert {"seg", "aji", "joined", "boundary_f1", "precision", "recall"} <= trial["scores"].keys()
    (tmp_path / "README.md").write_text(
        "<!-- facts {preset: quick} -->\n<!-- end -->\n"
        "<!-- table {preset: quick, rows: [data.ridge], scores: [iou, seg]} -->\n<!-- end -->\n"
        "<!-- chart {preset: quick, x: data.ridge, lines: fusion, score: iou} -->\n<!-- end -->\n"
    )
    text = render.render(render.Study(tmp_path, tmp_path))
    assert "4 trials, 2 seeds" in text
    rows = [line for line in text.splitlines() if re.match(r"\| [02] \|", line)]
    mean = np.mean([t["scores"]["iou"] for t in found["trials"] if t["setting"]["data.ridge"] == "0"])
    assert f"{mean:.3f} ± " in rows[0]
    assert (tmp_path / "results" / "quick_iou.svg").is_file()


def test_the_picture_shows_the_trial_that_was_asked_for():
    kept = [
        {"name": name, "overrides": [f"seed={seed}"], "setting": {"data": data, "data.ridge": ridge}}
        for name, seed, data, ridge in (("a", 0, "x", "0"), ("b", 1, "x", "0"), ("c", 0, "y", "0"), ("d", 0, "x", "2"))
    ]
    assert figures.trial_of(kept, {"data": "x", "data.ridge": "0"}) == "a"
    with pytest.raises(InputError, match="0 trials of seed=0"):
        figures.trial_of(kept, {"data": "z"})


def test_the_crowded_nuclei_are_those_in_which_four_pairs_lie_within_two_pixels():
    path = ROOT / "experiments" / "data" / "crowded.csv"
    rows = {row["id"]: row for row in csv.DictReader(path.read_text().splitlines())}
    bundled = nuclei.find(["background", "nucleus"])
    most = ("", 0)
    for record in bundled.records:
        cells = bundled.read(record).instances
        pairs = set()
        for axis in (0, 1):
            for step in (1, 2):
                ends = [
                    np.take(cells, range(*span), axis)
                    for span in ((step, cells.shape[axis]), (0, -step % cells.shape[axis]))
                ]
                apart = (ends[0] != ends[1]) & (ends[0] > 0) & (ends[1] > 0)
                pairs |= {
                    tuple(sorted(pair)) for pair in zip(ends[0][apart].tolist(), ends[1][apart].tolist(), strict=True)
                }
        assert (record.id in rows) == (len(pairs) >= 4)
        if record.id in rows:
            assert rows[record.id]["split"] == record.split
            assert int(rows[record.id]["touching"]) == len(pairs)
        if record.split == "test" and record.kind == "dark" and len(pairs) > most[1]:
            most = (record.id, len(pairs))
    assert most[0] == figures.EXAMPLE
