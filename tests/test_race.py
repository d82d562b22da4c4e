"""The race: one scorer for all, the table of what is kept, and the protocol of NVIDIA's ISBI 2012 figure."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.race import __main__ as race
from experiments.race import contestants, nvidia_isbi, nvidia_protocol, scoring, sets, table
from experiments.race.contestants import CONTESTANTS
from experiments.race.predicted import write_predicted
from unet_lightning.error import InputError
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

PAGES = sorted((Path(__file__).parents[1] / "experiments" / "race").glob("README*.md"))
OBJECTS = np.array([[1, 1, 0, 2, 2, 0], [1, 1, 0, 2, 2, 0]], np.int32)


def dataset(valid=None, number=1):
    """A set of small pictures with two objects each."""
    valid = np.ones(OBJECTS.shape, bool) if valid is None else valid
    mask = (OBJECTS > 0).astype(np.uint8)
    sample = Sample(np.zeros((*OBJECTS.shape, 1), np.uint8), mask * valid, valid, OBJECTS * valid)
    records = tuple(Record(str(k), Path("a"), group="film", split="test") for k in range(number))
    return DataSet(records, ("background", "cell"), lambda record: sample)


def labels(objects):
    return (objects > 0).astype(np.uint8), objects


def test_label_images_are_scored_as_given():
    found = scoring.score_labels(dataset(), {"0": labels(OBJECTS)})
    assert found["scores"] == dict.fromkeys(scoring.SCORES, 1.0)
    joined = np.ones_like(OBJECTS)  # one object over everything: 8 of 12 pixels, each object a third
    scores = scoring.score_labels(dataset(), {"0": labels(joined)})["scores"]
    assert scores["iou"] == pytest.approx(8 / 12)
    assert scores["dice"] == pytest.approx(16 / 20)
    assert scores["aji"] == pytest.approx(8 / 24)  # both references take the same prediction of 12 pixels
    assert scores["seg"] == pytest.approx(1 / 3)
    assert scores["ap50"] == 0


def test_objects_count_as_they_are_labelled_and_not_as_they_touch():
    touching = np.array([[1, 1, 1, 2, 2, 0], [1, 1, 1, 2, 2, 0]], np.int32)  # IoU 4/6 and 1
    scores = scoring.score_labels(dataset(), {"0": labels(touching)})["scores"]
    assert scores["ap50"] == 1
    assert scores["seg"] == pytest.approx((4 / 6 + 1) / 2)


def test_ignored_pixels_count_nowhere():
    valid = np.ones(OBJECTS.shape, bool)
    valid[:, 5] = False
    wrong = OBJECTS.copy()
    wrong[:, 5] = 2
    assert scoring.score_labels(dataset(valid), {"0": labels(wrong)})["scores"]["iou"] == 1


def test_intervals_are_over_images_though_they_are_of_one_film():
    other = np.roll(OBJECTS, 1, 1)
    found = scoring.score_labels(dataset(number=2), {"0": labels(OBJECTS), "1": labels(other)})
    low, high = found["intervals"]["seg"]
    assert low < found["scores"]["seg"] < high
    assert [row["id"] for row in found["images"]] == ["0", "1"]


def test_a_validation_has_the_scores_that_a_run_logs():
    whole = dataset()
    sample = whole.read(whole.records[0])
    classes = np.array([[1, 1, 0, 1, 1, 1], [1, 1, 0, 0, 0, 0]], np.uint8)  # the second object: 2 of 4 pixels, 1 more
    found = scoring.validation_scores(whole, [sample], [classes])
    assert found[scoring.DICE] == pytest.approx(2 * 6 / (8 + 7))
    assert found[scoring.QUALITY] == pytest.approx(1 / (1 + 0.5 + 0.5))  # IoU 1 and 2/5


def kept(contestant, scores, validations):
    """A result as the race writes it."""
    rows = [{"id": str(k), "iou": value} for k, value in enumerate(scores)]
    return {
        "set": "drive",
        "contestant": contestant,
        "seconds": 100,
        "taken": 99.0,
        "machine": "M",
        "date": "2026-01-01",
        "commit": "abc",
        "scores": {"iou": round(float(np.mean(scores)), 5)},
        "intervals": {"iou": [min(scores), max(scores)]},
        "images": rows,
        "validations": [{"seconds": s, "step": s, "dice": dice, "pq": None} for s, dice in validations],
    }


def test_the_table_pairs_images_and_says_when_the_rivals_best_score_was_reached(tmp_path):
    ours = kept("auto", [0.6, 0.7, 0.9], [(10, 0.4), (20, 0.7), (90, 0.8)])
    theirs = kept("monai", [0.5, 0.6, 0.8], [(50, 0.65), (95, 0.6)])
    for one in (theirs, ours):
        race.write(tmp_path / f"{one['set']}_{one['contestant']}.json", one)
    results = table.read_results(tmp_path)
    assert results == [ours, theirs]
    page = tmp_path / "README.md"
    page.write_text("a\n<!-- table -->\nstale\n<!-- end -->\nb")
    text = table.rendered(page, results)
    assert "stale" not in text
    assert "| 99 of 100 | 90 | 0.733 (0.600–0.900) | – |" in text
    assert "| +0.100 (+0.100 to +0.100) | – |" in text
    assert "| Dice | 0.650 | 20 s | 0.20 |" in text
    slower = [ours | {"validations": ours["validations"][:1]}, theirs]
    assert "| not reached | – |" in table.block(slower)
    with pytest.raises(ValueError, match="other images"):
        table.block([ours | {"images": ours["images"][:2]}, theirs])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_says_what_its_results_say(path):
    assert table.rendered(path, table.read_results(table.RESULTS)) == path.read_text(encoding="utf-8")


def test_results_are_whole_and_were_in_time():
    for path in table.RESULTS.glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == f"{found['set']}_{found['contestant']}"
        assert len(found["images"]) == found["split"]["test"]
        assert found["validations"][-1]["seconds"] <= 1.1 * found["seconds"]


def test_a_set_that_is_not_there_is_skipped_with_a_line_that_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(race, "write_page", lambda path: None)
    monkeypatch.setattr(race, "RESULTS", tmp_path / "results")
    monkeypatch.setenv(sets.ROOT, str(tmp_path))
    monkeypatch.setattr("sys.argv", ["race", "drive", "--only", "auto"])
    race.main()
    assert f"skipped: drive: there is no {tmp_path / 'drive'}" in capsys.readouterr().out
    monkeypatch.delenv(sets.ROOT)
    with pytest.raises(InputError, match=f"{sets.ROOT} is not set"):
        sets.SETS["camvid"].data_overrides()
    with pytest.raises(InputError, match=r"moon is no set of the race; expected one of nuclei, dic_hela"):
        sets.chosen(["moon"])


def test_a_contestant_has_the_time_of_the_set_and_trains_once(tmp_path, monkeypatch):
    nuclei = replace(sets.SETS["nuclei"], seconds=90)
    wanted = ["data=nuclei", "plan=auto", "plan.minutes=1.5000"]
    monkeypatch.chdir(tmp_path)
    started = []

    def train(run, overrides):
        started.append((run, overrides))
        folder = tmp_path / "outputs" / run
        folder.mkdir(parents=True)
        (folder / "results.json").write_text('{"status": "finished"}')
        (folder / "curve.json").write_text('{"seconds": 9.5, "points": []}')

    monkeypatch.setattr(contestants.timed, "train", train)
    for _ in range(2):
        assert CONTESTANTS["auto"].train(nuclei) == {"seconds": 9.5, "points": []}
    assert started == [("race/nuclei/auto", wanted)]


def test_a_rival_hands_over_what_it_predicted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nuclei, classes = sets.SETS["nuclei"], (OBJECTS > 0).astype(np.uint8)

    def train(race_set, folder):
        folder.mkdir(parents=True)
        write_predicted(folder, {"01/t3": classes})
        (folder / "curve.json").write_text("{}")

    monkeypatch.setattr(contestants, "train_rival", train)
    CONTESTANTS["monai"].train(nuclei)
    found, objects = CONTESTANTS["monai"].labels(nuclei, dataset())["01/t3"]
    assert (found == classes).all()
    assert (objects == OBJECTS).all()


def test_the_folds_overlap_as_published():
    folds = [nvidia_protocol.overlapping_fold(30, fold) for fold in range(5)]
    for training, held_out in folds:
        assert sorted(training + held_out) == list(range(30))
        assert len(held_out) == 6
    places = nvidia_protocol.shuffled(30).tolist()
    times = Counter(places.index(k) for _, held_out in folds for k in held_out)
    assert {place for place, number in times.items() if number == 2} == {9, 14, 19, 24}
    assert set(range(30)) - set(times) == {0, 1, 2, 3}
    true = [nvidia_protocol.true_fold(30, fold) for fold in range(5)]
    assert sorted(k for _, held_out in true for k in held_out) == list(range(30))
    assert all(not set(training) & set(held_out) for training, held_out in true)


def test_sections_are_shrunk_and_bordered():
    image = nvidia_protocol.shrink(np.full((512, 512), 255, np.uint8))
    assert image.shape == (1, 572, 572)
    assert (nvidia_protocol.central(image) == 1).all()
    assert image.sum() == pytest.approx(388**2)  # the border is 0
    ramp = np.tile(np.arange(0, 256, 0.5).astype(np.uint8), (512, 1))
    row = nvidia_protocol.central(nvidia_protocol.shrink(ramp))[0, 7]
    place = (10 + 0.5) * 512 / 388 - 0.5  # of the centre of pixel 10 in the section: between 13 and 14
    grey = ramp[0, 13] * (14 - place) + ramp[0, 14] * (place - 13)
    assert float(row[10]) == pytest.approx(grey / 127.5 - 1, abs=1e-6)
    mask = np.zeros((512, 512), np.uint8)
    mask[:, 256:] = 1
    label = nvidia_protocol.shrink_label(mask)
    assert (label.sum(0) == 1).all()
    assert nvidia_protocol.central(label)[1].sum() == 388 * 194
    assert label[1].sum() == 388 * 194  # the border is background


def test_soft_dice_has_squared_denominators_and_both_classes():
    probabilities = torch.tensor([[[[0.5, 1.0]], [[0.5, 0.0]]]])
    label = torch.tensor([[[[0.0, 1.0]], [[1.0, 0.0]]]])
    first, second = 2 * 1 / (0.25 + 1 + 1), 2 * 0.5 / (0.25 + 1)
    assert nvidia_protocol.soft_dice(probabilities, label)[0].tolist() == pytest.approx([first, second], abs=1e-5)
    assert nvidia_protocol.hard_dice(np.array([[1, 1, 0]]), np.array([[1, 0, 0]])) == pytest.approx(2 / 3)
    logits = torch.tensor([[[[2.0]], [[0.0]]]])
    p = torch.softmax(torch.tensor([2.0, 0.0]), 0)
    dice = [2 * float(p[0]) / (float(p[0]) ** 2 + 1), 0.0]
    wanted = -float(p[0].log()) + 1 - sum(dice) / 2
    assert float(nvidia_protocol.loss_of(logits, torch.tensor([[[[1.0]], [[0.0]]]]))) == pytest.approx(wanted, abs=1e-4)


def test_augmentation_moves_image_and_label_alike():
    columns = torch.linspace(-0.5, 0.5, 572).expand(1, 572, 572)
    label = torch.cat([columns < 0, columns >= 0]).float()
    for seed in range(3):
        image, moved = nvidia_protocol.augment(columns, label, np.random.default_rng(seed))
        assert image.shape == (1, 572, 572)
        assert (moved.sum(0) == 1).float().mean() > 0.99
        right = moved[1] > 0
        assert image[0][right].min() >= image[0][~right].max() - 0.01


def test_the_published_network_takes_572_and_gives_388():
    with torch.device("meta"):
        network = nvidia_isbi.network()
        assert network(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    up = nvidia_isbi.Up(3, 2, (2, 2))
    found = up(torch.randn(1, 3, 5, 4), None)
    assert found.shape == (1, 2, 10, 8)
    kernel, bias = up.convolution.weight.detach(), up.convolution.bias.detach()
    features = torch.randn(1, 3, 2, 2)
    first = (features[0, :, 0, 0, None] * kernel[:, :, 0, 0]).sum(0) + bias  # the first pixel meets the first weight
    assert torch.allclose(up(features, None)[0, :, 0, 0], first.relu(), atol=1e-6)


def test_a_training_step_lowers_the_loss_whatever_is_in_memory_at_once(monkeypatch):
    section = nvidia_isbi.Section(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8))
    image, label = torch.zeros(1, 2, 2), torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])
    images, labels = torch.stack([image] * 8), torch.stack([label] * 8)
    monkeypatch.setattr(nvidia_isbi, "batches", lambda sections, random: iter([(images, labels)] * 3))
    losses = {}
    for at_once in (8, 3):
        model = torch.nn.Conv2d(1, 2, 1)
        torch.nn.init.zeros_(model.weight)
        torch.nn.init.zeros_(model.bias)
        losses[at_once] = list(nvidia_isbi.train(model, [section], 3, at_once, torch.device("cpu")))
    assert losses[8] == sorted(losses[8], reverse=True)
    assert losses[3] == pytest.approx(losses[8], abs=1e-6)


def test_the_recipe_of_monai_learns_to_tell_bright_from_dark():
    recipe = pytest.importorskip("experiments.race.monai_recipe", reason="monai is not installed: make race")
    random = np.random.default_rng(0)
    items = []
    for _ in range(3):
        label = np.zeros((1, 48, 48), np.uint8)
        y, x = random.integers(0, 24, 2)
        label[:, y : y + 24, x : x + 24] = 1
        items.append({"image": label * 100.0 + random.normal(0, 1, label.shape).astype(np.float32), "label": label})
    ticks = iter(range(1000))
    task = recipe.Task(channels=1, classes=2, void=False, crop=32, upright=False)
    recipe.PIXELS, before = 4 * 32**2, recipe.PIXELS
    try:
        network, points = recipe.train(task, items[:2], items[2:], 60, lambda: next(ticks), seed=0)
    finally:
        recipe.PIXELS = before
    assert points[-1].step > points[0].step
    predicted = recipe.predict(network, task, recipe.prepared(items[2:]))
    assert (predicted[0] == items[2]["label"][0]).mean() > 0.9
