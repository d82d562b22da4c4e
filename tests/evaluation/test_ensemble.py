"""A small cross-validation as typed, made into an ensemble, which is used where a checkpoint is."""

import csv
import json
import re
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.evaluation.folds import FOLDS, cross_validate
from unet_lightning.command.compare import main as compare_main
from unet_lightning.command.ensemble import main as ensemble_main
from unet_lightning.command.evaluate import main as evaluate_main
from unet_lightning.command.predict import main as predict_main
from unet_lightning.error import InputError
from unet_lightning.evaluation.case import case_score, over_cases, over_classes
from unet_lightning.evaluation.largest import decided, steps
from unet_lightning.evaluation.out_of_fold import Fold, Typed, check_cover, load_fold
from unet_lightning.evaluation.tried import whole
from unet_lightning.prediction.load import load
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

PIXELS = ("dice", "iou", "precision", "recall", "accuracy", "boundary_f1", "hausdorff95")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return cross_validate(tmp_path_factory.mktemp("folds"))


@pytest.fixture(scope="module")
def made(trained):
    """The ensemble, made while the test images can't be read; its content."""
    kept = trained.root.with_name("kept")
    shutil.copytree(trained.root, kept)
    for kind, number in product(("images", "masks"), (9, 10)):
        (trained.root / kind / f"{number:02d}.png").write_bytes(b"no picture: who reads it fails")
    assert ensemble_main([str(trained.sweep), "resamples=200"]) == 0
    shutil.rmtree(trained.root)
    kept.rename(trained.root)
    return json.loads((trained.sweep / "ensemble.json").read_text())


def evaluated(folder, *typed):
    assert evaluate_main([*map(str, typed), "--output", str(folder), "resamples=200"]) == 0
    return json.loads((folder / "evaluation.json").read_text())


def as_typed(node):
    """The overrides that give a post-processing."""
    kind = node["_target_"].rsplit(".", 1)[-1].lower()
    values = [f"postprocess.{key}={json.dumps(value)}" for key, value in node.items() if key != "_target_"]
    return [f"postprocess={kind}", *values]


def dice_by_hand(trained, fold, model):
    """Dice of classes 1 and 2 of each image that a fold holds out; nan where neither side has the class."""
    with (trained.sweep / f"data.fold={fold}" / "split.csv").open() as file:
        ids = [row["id"] for row in csv.DictReader(file) if row["split"] == "val"]
    values = []
    for name in ids:
        mask = np.asarray(Image.open(trained.root / "masks" / f"{name[-2:]}.png"))
        found = model.predict(np.asarray(Image.open(trained.root / f"{name}.png"))[..., None])
        pairs = [(found == c, mask == c) for c in (1, 2)]
        values.append([2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else np.nan for a, b in pairs])
    return values


def test_scores_out_of_fold_are_those_of_each_checkpoint_on_its_own_images(trained, made, tmp_path):
    typed = as_typed(made["postprocess"])
    found = [evaluated(tmp_path / str(k), path, "split=val", *typed) for k, path in enumerate(trained.checkpoints)]
    rows = [row for one in found for row in one["per_image"]]
    assert sorted(row["id"] for row in rows) == [f"images/{k:02d}" for k in range(9)]
    confusion = np.sum([one["confusion"] for one in found], axis=0)
    both = 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))
    assert made["out_of_fold"]["pooled"]["dice"]["foreground"] == pytest.approx(np.nanmean(both[1:]))
    with (trained.sweep / "ensemble.csv").open() as file:
        written = {row["id"]: row for row in csv.DictReader(file)}
    for row, score in product(rows, PIXELS):
        assert float(written[row["id"]][score] or "nan") == pytest.approx(row[score] or np.nan, nan_ok=True)
    for one, part in zip(found, made["folds"], strict=True):
        assert part["pooled"] == one["pooled"]
        assert part["intervals"] == one["intervals"]
    low, high = made["out_of_fold"]["intervals"]["pooled dice"]
    assert low < made["out_of_fold"]["pooled"]["dice"]["foreground"] < high


def test_the_score_that_chooses_is_dice_of_each_case_and_class(trained, made):
    """Recomputed from pictures: the simplest candidate leaves the predicted classes as they are."""
    values = [row for k, path in enumerate(trained.checkpoints) for row in dice_by_hand(trained, k, load(path))]
    first = made["candidates"]["postprocess"][0]
    assert first["postprocess"]["min_size"] == 0
    assert first["score"] == pytest.approx(np.nanmean(np.nanmean(values, axis=0)))


def test_it_evaluates_and_compares_as_its_checkpoints_do(trained, made, tmp_path, capsys):
    path = trained.sweep / "ensemble.json"
    with pytest.raises(InputError, match=re.escape(f"not evaluated; run: unet-lightning evaluate {path}")):
        compare_main([str(path), str(tmp_path)])
    assert evaluate_main([str(path), "resamples=200"]) == 0
    found = json.loads((trained.sweep / "evaluation" / "test" / "evaluation.json").read_text())
    same = evaluated(tmp_path / "same", *trained.checkpoints, *as_typed(made["postprocess"]))
    assert found["per_image"] == same["per_image"]
    assert [row["id"] for row in found["per_image"]] == ["images/09", "images/10"]
    assert list(found["provenance"]["ensemble"]) == [str(path.resolve())]
    assert same["provenance"]["ensemble"] == {}
    assert found["protocol"]["average"] == "probabilities"
    single = evaluated(tmp_path / "single", trained.checkpoints[0])
    assert single["protocol"]["average"] is None
    assert compare_main([str(path), str(tmp_path / "single"), "vary=models,average,postprocess,split_hash"]) == 0
    assert "| Dice | B - A | 2 | 2 |" in capsys.readouterr().out


def test_it_predicts_as_its_checkpoints_do(trained, made, tmp_path):
    pictures = str(trained.root / "images")
    assert predict_main([str(trained.sweep / "ensemble.json"), pictures, "--output", str(tmp_path / "a")]) == 0
    typed = [*map(str, trained.checkpoints), pictures, *as_typed(made["postprocess"])]
    assert predict_main([*typed, "--output", str(tmp_path / "b")]) == 0
    for k in range(11):
        one, two = (np.asarray(Image.open(tmp_path / name / f"{k:02d}.png")) for name in "ab")
        assert np.array_equal(one, two)
        assert one.max() > 0


def test_images_that_a_member_was_trained_on_are_not_scored(trained, made, tmp_path):
    for typed in ([trained.sweep / "ensemble.json"], trained.checkpoints):
        with pytest.raises(InputError, match=r"split=val: .*data\.fold=1.*was trained or chosen on"):
            evaluate_main([*map(str, typed), "split=val", "--output", str(tmp_path)])


def test_a_sweep_that_moves_keeps_its_ensemble(trained, made, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(trained.sweep, moved)
    assert len(load(moved / "ensemble.json").models) == FOLDS
    (moved / "data.fold=1" / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(InputError, match=r"data\.fold=1/checkpoints/best\.ckpt isn't there"):
        load(moved / "ensemble.json")


def test_the_report_says_what_was_chosen_and_by_how_much(trained, made):
    text = (trained.sweep / "ensemble.md").read_text()
    for words in ("An ensemble of 3 checkpoints", "No test image was read", "was chosen of", "nnU-Net's rule"):
        assert words in text
    assert "| Dice | pooled |" in text


def with_config(checkpoint, **changes):
    """Rewrite a checkpoint whose config has other values."""
    content = torch.load(checkpoint, weights_only=True)
    content["unet_lightning"]["config"] |= changes
    torch.save(content, checkpoint)


def with_weights(sweep, factor):
    """Rewrite the checkpoints of a sweep with other weights."""
    for path in sweep.glob("*/checkpoints/best.ckpt"):
        content = torch.load(path, weights_only=True)
        for name, tensor in content["state_dict"].items():
            if tensor.is_floating_point():
                content["state_dict"][name] = tensor * factor
        torch.save(content, path)
    return sweep


def test_a_fold_that_is_not_there_is_said_with_the_command(trained, tmp_path):
    sweep = shutil.copytree(trained.sweep, tmp_path / "cv")
    (sweep / "data.fold=2" / "results.json").write_text('{"status": "failed", "error": "no memory"}')
    with pytest.raises(InputError, match=r"data\.fold=2 is failed \(no memory\); run: .* retry=failed"):
        ensemble_main([str(sweep)])
    shutil.rmtree(sweep / "data.fold=2")
    with pytest.raises(InputError, match=r"data\.fold=2 is waiting; run: python .* run=cv data\.fold=0,1,2"):
        ensemble_main([str(sweep)])
    (sweep / "sweep.json").unlink()
    with pytest.raises(InputError, match=r"of 3 folds 2 not trained; run: python train\.py -m run=cv data\.fold=0,1,2"):
        ensemble_main([str(sweep)])


def test_runs_that_do_not_belong_together_are_refused(trained, tmp_path):
    sweep = shutil.copytree(trained.sweep, tmp_path / "cv")
    folds = [str(sweep / f"data.fold={k}") for k in range(FOLDS)]
    with pytest.raises(InputError, match=r"both hold out data\.fold=0"):
        ensemble_main([folds[0], str(shutil.copytree(folds[0], tmp_path / "again")), *folds[1:]])
    with pytest.raises(InputError, match="named twice"):
        ensemble_main([folds[0], *folds])
    path = sweep / "data.fold=1" / "content.csv"
    text = path.read_text()
    path.write_text(re.sub(r"(images/00,\w+),\w+", r"\1,0123", text))
    with pytest.raises(InputError, match=r"images/00 isn't the same image and label in .*fold=0 and in .*fold=1"):
        ensemble_main(folds)
    path.write_text(text)
    with_config(sweep / "data.fold=1" / "checkpoints" / "best.ckpt", ema=0.5)
    with pytest.raises(InputError, match=r"differ in ema: 0\.0, 0\.5; expected data\.fold alone"):
        ensemble_main(folds)
    with pytest.raises(InputError, match="is no folder; give the folder of a sweep"):
        ensemble_main([str(tmp_path / "nothing")])


def test_folds_of_another_division_are_refused(trained, tmp_path):
    sweep = shutil.copytree(trained.sweep, tmp_path / "cv")
    with_config(sweep / "data.fold=1" / "checkpoints" / "best.ckpt", seed=5)
    with pytest.raises(InputError, match=r"fold=1/.*best\.ckpt was trained on another division of the data"):
        ensemble_main([str(sweep)])
    records = [Record(name, Path(name), split=split) for name, split in (("a", "val"), ("b", "train"), ("c", "test"))]
    folds = [Fold((), DataSet(tuple(records), ("background", "cell"), None), tuple(records[:1]), Typed())] * 2
    with pytest.raises(InputError, match=r"2 files .*held out by 2 of 2 folds, expected 1"):
        check_cover(folds)


def test_the_best_of_all_configurations_and_pairs_is_taken(trained, tmp_path):
    """Scores of each by hand, on the images that a fold holds out; of copies that score the same the first is taken."""
    first, same = trained.sweep, shutil.copytree(trained.sweep, tmp_path / "same")
    other = with_weights(shutil.copytree(trained.sweep, tmp_path / "other"), 1.05)
    output = tmp_path / "found" / "all.json"
    typed = [str(first), str(same), str(other), "--output", str(output), "resamples=100"]
    assert ensemble_main(typed) == 0
    found = json.loads(output.read_text())
    compared = found["candidates"]["configurations"]
    tried = {tuple(Path(name).name for name in one["names"]): one["score"] for one in compared}
    names = [("cv",), ("same",), ("other",), ("cv", "same"), ("cv", "other"), ("same", "other")]
    assert list(tried) == names
    assert tried["cv",] == tried["same",] == tried["cv", "same"]
    place = {"cv": first, "same": same, "other": other}
    for chosen in (("other",), ("cv", "other")):
        values = []
        for k in range(FOLDS):
            model = load(*(place[name] / f"data.fold={k}" / "checkpoints" / "best.ckpt" for name in chosen))
            values += dice_by_hand(trained, k, model)
        assert tried[chosen] == pytest.approx(np.nanmean(np.nanmean(values, axis=0)))
    best = max(tried.values())
    expected = next(name for name in names if tried[name] == best)
    assert {Path(one["configuration"]).name for one in found["members"]} == set(expected)
    assert len(load(output).models) == FOLDS * len(expected)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["data.fold=0"], "each checkpoint says its own fold"),
        (["split=test"], "ensemble doesn't use split"),
        (["postprocess=none"], "ensemble doesn't use postprocess"),
        (["--output", "x.txt"], "expected a file that ends in .json"),
    ],
)
def test_what_can_not_be_meant(trained, typed, words):
    with pytest.raises(InputError, match=re.escape(words)):
        ensemble_main([str(trained.sweep), *typed])


def test_folds_are_averaged_as_views_are_unless_it_is_typed(trained, tmp_path):
    sweep = shutil.copytree(trained.sweep, tmp_path / "cv")
    path = sweep / "data.fold=0" / "checkpoints" / "best.ckpt"
    tta = torch.load(path, weights_only=True)["unet_lightning"]["config"]["tta"]
    of_before = {key: value for key, value in tta.items() if key != "average"}
    for node, expected in ((tta | {"average": "logits"}, "logits"), (of_before, "probabilities")):
        with_config(path, tta=node)
        assert load_fold([path], Typed()).config["average"] == expected
        assert load_fold([path], Typed(("tta=flips",))).config["average"] == expected
        assert load_fold([path], Typed(("average=logits",))).config["average"] == "logits"
    with_config(path, tta=tta | {"average": "logits"})
    assert load_fold([path], Typed(("average=probabilities",))).config["average"] == "probabilities"
    assert load(path).config["average"] == "probabilities"


def test_the_score_of_a_case_worked_by_hand():
    mask = np.array([[1, 1, 0, 2], [1, 1, 0, 0]], np.uint8)
    found = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.uint8)
    sample = Sample(np.zeros((2, 4, 1), np.uint8), mask, np.ones((2, 4), bool), mask.astype(np.int32))
    dataset = DataSet((), ("background", "a", "b", "c"), None)
    assert case_score(dataset, False)(whole(found, sample, False)) == pytest.approx([2 * 3 / 7, 0, np.nan], nan_ok=True)
    assert case_score(dataset, True)(whole(found, sample, True)) == pytest.approx(
        [3 / 4 / (1 + 1 / 2)]
    )  # IoU 3/4; one is missed


def test_means_over_cases_then_classes_worked_by_hand():
    nan = np.nan
    values = [[[0.2, nan], [0.5, nan]], [[0.4, 0.6], [0.5, nan]]]  # 2 images, 2 candidates, 2 classes
    means = over_cases(values)
    np.testing.assert_allclose(means, [[0.3, 0.6], [0.5, nan]])
    assert over_classes(means) == pytest.approx([0.45, 0.5])
    assert over_classes(np.array([[nan, nan]])) == [0.0]


@pytest.mark.parametrize(
    ("merged", "one", "two", "expected"),
    [  # of nothing 0.5, 0.5; of merged, and of classes 1 and 2 without and with merging: the scores of both classes
        ((0.6, 0.5), (0.0, 0.7), (0.0, 0.4), (True, [1], [0.7, 0.5])),
        ((0.7, 0.4), (0.6, 0.0), (0.5, 0.0), (False, [1], [0.6, 0.5])),  # class 2 falls
        ((0.5, 0.5), (0.5, 0.5), (0.5, 0.5), None),  # nothing rises
        ((0.4, 0.5), (0.4, 0.4), (0.6, 0.6), (False, [2], [0.5, 0.6])),
        ((0.6, 0.6), (0.5, 0.6), (0.5, 0.6), (True, [], [0.6, 0.6])),
    ],
)
def test_the_rule_of_the_largest_component_is_decided_as_by_nnunet(merged, one, two, expected):
    """one, two: what the class alone scores if only its largest component is kept, without and with merging."""
    table = [(0.5, 0.5), merged, (one[0], 0.5), (one[1], merged[1]), (0.5, two[0]), (merged[0], two[1])]
    found = decided(np.array(table))
    if expected is None:
        assert found is None
    else:
        node, scores = found
        assert (node["merged"], node["classes"], scores.tolist()) == expected


def test_the_steps_are_the_nodes_that_are_decided_on():
    assert [(node["merged"], node["classes"]) for node in steps(2)] == [(False, []), (True, [])]
    listed = [(node["merged"], node["classes"]) for node in steps(3)]
    assert listed == [(False, []), (True, []), (False, [1]), (True, [1]), (False, [2]), (True, [2])]
