"""A set of two kinds of cells: `evaluate` and results.json say how well the objects of each are found."""

import csv
import json

import cv2
import numpy as np
import pytest

from tests.small import QUIET, SMALL_NETWORK, config
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.evaluation.object_table import objects_by_class
from unet_lightning.training.run import train

NAMES = ["round", "square", "rare"]


def write_set(folder):
    """Dim discs and bright squares on black, 12 images, and a class that no image has."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks", "instances"):
        (folder / kind).mkdir(parents=True)
    for k in range(12):
        image, mask, instances = (np.zeros((64, 64), np.uint8) for _ in range(3))
        for number, (row, column) in enumerate([(16, 16), (16, 48), (48, 16), (48, 48)], 1):
            shape = np.zeros((64, 64), np.uint8)
            if (kind := 1 + (number + k) % 2) == 1:
                cv2.circle(shape, (column, row), int(random.integers(6, 10)), 1, -1)
            else:
                half = int(random.integers(5, 9))
                cv2.rectangle(shape, (column - half, row - half), (column + half, row + half), 1, -1)
            image[shape > 0], mask[shape > 0], instances[shape > 0] = 60 + 120 * (kind == 2), kind, number
        noisy = np.clip(image + random.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
        for name, array in (("images", noisy), ("masks", mask), ("instances", instances)):
            cv2.imwrite(str(folder / name / f"{k:02}.png"), array)
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    root = write_set(folder / "set")
    overrides = ["data=folder", f"data.root={root}", f"data.classes=[background,{','.join(NAMES)}]", "data.crop=32"]
    rates = ["trainer.max_epochs=12", "data.crops_per_image=8", "data.batch_size=4", "optimizer.lr=0.01"]
    plain = config(*overrides, *rates, *SMALL_NETWORK, *QUIET, "tile=64", "trainer.precision=32-true")
    results = train(plain, folder / "run")
    checkpoint = folder / "run" / "checkpoints" / "best.ckpt"
    assert evaluate([str(checkpoint), "--output", str(folder / "evaluation"), "resamples=100"]) == 0
    return folder / "evaluation", results


def test_the_run_and_the_evaluation_agree_and_a_class_without_objects_has_none(evaluated):
    folder, results = evaluated
    found = json.loads((folder / "evaluation.json").read_text())["objects_by_class"]
    stored = results["test"]["objects_by_class"]
    for name in NAMES[:2]:
        assert found["classes"][name]["image_mean"] == pytest.approx(stored["classes"][name]["image_mean"])
        assert found["classes"][name]["image_mean"]["pq"] > 0.5
        assert found["classes"][name]["counts"] == stored["classes"][name]["counts"]
    assert found["classes"]["rare"]["image_mean"]["pq"] is None
    means = [found["classes"][name]["image_mean"]["pq"] for name in NAMES[:2]]
    assert found["mean"]["pq"] == pytest.approx(np.mean(means))
    counts = [found["classes"][name]["counts"]["references"] for name in NAMES]
    assert sum(counts) == results["test"]["objects"]["counts"]["references"]


def test_tables_have_a_column_for_the_class(evaluated):
    folder, _ = evaluated
    rows = {}
    for name in ("objects", "classes", "summary"):
        with (folder / f"{name}.csv").open(newline="") as file:
            rows[name] = list(csv.DictReader(file))
    labelled = [row["class"] for row in rows["objects"] if row["side"] == "label"]
    both = json.loads((folder / "evaluation.json").read_text())
    for name in NAMES:
        number = both["objects_by_class"]["classes"][name]["counts"]["references"]
        assert labelled.count(name) == number
        assert sum(int(row[f"count_{name}"]) for row in rows["summary"] if row["side"] == "label") == number
        pq = [float(row["pq"]) for row in rows["classes"] if row["class"] == name]
        expected = both["objects_by_class"]["classes"][name]["image_mean"]["pq"]
        assert (np.mean(pq) if pq else None) == (pytest.approx(expected) if expected is not None else None)
    assert "per_class" not in rows["classes"][0]
    for page in ("report.html", "report.md"):
        assert "Objects of each class" in (folder / page).read_text()
    assert "| rare | – |" in (folder / "report.md").read_text()


def test_the_table_says_a_dash_where_there_is_no_score(evaluated):
    table = objects_by_class(evaluated[1]["test"]["objects_by_class"])
    assert [row[0] for row in table.rows] == [*NAMES, "mean of classes"]
    assert table.rows[2][1:] == ["–"] * 5 + ["0"] * 4
