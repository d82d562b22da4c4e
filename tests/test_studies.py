"""The studies: every page says what its results say, every preset composes, the statistics against SciPy."""

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy import stats

from experiments import collect, figures, render
from unet_lightning.outcome import Outcome

ROOT = Path(__file__).parent.parent
STUDIES = sorted(path.parent for path in (ROOT / "experiments").glob("*/quick.yaml"))
PRESETS = sorted((ROOT / "experiments").glob("*/*.yaml"))
PRESETS = [path for path in PRESETS if path.parent.name != "data"]
RESULTS = sorted((ROOT / "experiments").glob("*/results/*.json"))
RESULTS = [path for path in RESULTS if not path.stem.endswith("_example")]


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_a_page_says_what_its_results_say(folder, tmp_path):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert render.render(render.Study(folder, tmp_path)) == text
    drawn = sorted((tmp_path / "results").glob("*"))
    assert {path.name for path in drawn} == {Path(name).name for name in re.findall(r"\]\((results/[^)]+)\)", text)}
    for path in drawn:
        kept = folder / "results" / path.name
        if path.suffix == ".svg":
            assert path.read_bytes() == kept.read_bytes()
        else:  # what is drawn counts, not how another release of OpenCV packs it
            pictures = [cv2.imread(str(one)).astype(int) for one in (path, kept)]
            assert np.abs(pictures[0] - pictures[1]).mean() < 0.5
    kept = {path.name for path in (folder / "results").iterdir()}
    assert {name for name in kept if not name.endswith(".json")} == {path.name for path in drawn}


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_a_page_has_no_gap_and_its_links_lead_somewhere(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "VERDICT" not in text
    assert "CHANGE" not in text
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (folder / link).exists(), link
    for preset in {path.stem for path in folder.glob("*.yaml")}:
        assert f"preset: {preset}" in text


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_results_hold_three_seeds_of_every_setting_of_the_preset(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{7}", found["commit"])
    assert found["machine"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    preset = OmegaConf.load(path.parent.parent / f"{path.stem}.yaml")
    params = preset.hydra.sweeper.params
    grids = [params | grid for grid in (preset.get("search") or {}).get("grids", [{}])]
    wanted = {
        frozenset(f"{key}={value}" for key, value in zip(grid, values, strict=True))
        for grid in grids
        for values in product(*(str(value).split(",") for value in grid.values()))
    }
    assert {frozenset(trial["overrides"]) for trial in found["trials"]} == wanted
    assert len(params.seed.split(",")) >= 3
    for trial in found["trials"]:
        assert trial["status"] == "finished"
        assert 0 <= trial["scores"]["iou"] <= 1
        assert trial["scores"]["iou"] == pytest.approx(trial["test"]["pooled"]["iou"]["foreground"], abs=2e-5)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_preset_composes_under_the_command_it_names(path):
    command = next(line for line in path.read_text().splitlines() if line.startswith("#   python train.py"))
    typed = command.removeprefix("#   python train.py -m ").split()
    assert typed == ["-cd", f"experiments/{path.parent.name}", "-cn", path.stem]
    done = subprocess.run(
        [sys.executable, "train.py", *typed, "--cfg", "job"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "_target_" in done.stdout


def trials(values):
    return {
        (name,): [{"scores": {"iou": value}, "seconds": 3, "parameters": 5} for value in column]
        for name, column in values.items()
    }


def test_intervals_are_those_of_an_analysis_of_variance():
    values = {"a": [0.1, 0.2, 0.4], "b": [0.5, 0.7, 0.6], "c": [0.3, 0.3, 0.9]}
    found = render.cells(trials(values), "iou")
    within = sum(np.var(column) * 3 for column in values.values()) / 6
    for name, column in values.items():
        low, high = stats.t.interval(0.95, 6, loc=np.mean(column), scale=np.sqrt(within / 3))
        mean, half, number = found[name,]
        assert (mean - half, mean + half) == pytest.approx((low, high))
        assert number == 3
    difference = stats.t.ppf(0.975, 6) * np.sqrt(within * 2 / 3)
    assert render.least_difference(found.values(), "iou") == f"{difference:.3f}"


def test_one_seed_has_no_interval():
    found = render.cells(trials({"a": [0.25], "b": [0.5]}), "iou")
    assert render.shown(found["a",], "iou") == "0.250"
    assert render.least_difference(found.values(), "iou") == ""
    assert render.shown(found["a",], "joined") == "0.2"


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
    text = render.render(render.Study(tmp_path, tmp_path))
    assert "old" not in text
    assert f"-cd experiments/{tmp_path.name} -cn full" in text
    assert text.startswith("a\n<!-- table")
    assert text.endswith("<!-- end -->\nb")


def test_an_unfinished_sweep_is_not_collected(tmp_path):
    (tmp_path / "seed=0").mkdir()
    (tmp_path / "seed=0" / "results.json").write_text('{"status": "failed", "overrides": ["seed=0"]}')
    with pytest.raises(collect.InputError, match="1 trials are not finished, such as seed=0"):
        collect.main(["paper_cells", "quick", "--sweep", str(tmp_path)])


def test_the_chinese_readme_has_the_same_commands_links_and_numbers():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    chinese = chinese.split("\n", 3)[3]  # the line that links to the other language
    for pattern in (r"`[^`\n]+`", r"\]\(([^)]+)\)", r"\d+(?:[.,]\d+)*"):
        found = [sorted(re.findall(pattern, without_comments(text))) for text in (english, chinese)]
        assert found[0] == found[1]


def without_comments(text):
    """The text, in whose blocks of commands what follows a # is left out."""
    parts = text.split("```")
    return "```".join(re.sub(r"#.*", "", part) if k % 2 else part for k, part in enumerate(parts))
