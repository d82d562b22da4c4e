import csv
import json
import shutil
from itertools import product

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, label

from tests.small import SMALL, config
from unet_lightning.command.compare import main as compare_main
from unet_lightning.command.evaluate import main as evaluate_main
from unet_lightning.command.tune import main as tune_main
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.evaluation import tune
from unet_lightning.evaluation.evaluate import records_to_score
from unet_lightning.evaluation.interval import interval, weighted_mean
from unet_lightning.evaluation.paired import holm, paired
from unet_lightning.evaluation.score import per_image, score_image, summary
from unet_lightning.evaluation.tune import score_candidates
from unet_lightning.metric.instance import panoptic_quality
from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.page.html import html
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.postprocess.components import Components
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.record import Record
from unet_lightning.sample import Sample


def components(**options):
    values = {"min_size": 0, "fill_holes": False, "keep_largest": False, "ridge": 0, "masks": False}
    return Components(**(values | options))


def logits_of(classes, number=2):
    return torch.from_numpy(np.eye(number, dtype=np.float32)[classes]).permute(2, 0, 1) * 9


def cell_sample(instances, valid=None):
    instances = np.array(instances, np.int32)
    valid = np.ones(instances.shape, bool) if valid is None else np.array(valid, bool)
    return Sample(np.zeros((*instances.shape, 1), np.uint8), (instances > 0).astype(np.uint8), valid, instances)


def scored(sample, classes, **options):
    postprocess = components(**options)
    names = ("background", "cell")
    return score_image(Record("a", "a.png"), sample, logits_of(np.array(classes)), names, postprocess, 1.0)


def test_an_image_worked_by_hand():
    sample = cell_sample([[1, 1, 0, 2], [1, 1, 0, 2]])
    found, predicted, objects = scored(sample, [[1, 1, 0, 0], [1, 1, 0, 1]])
    assert found.confusion.tolist() == [[2, 0], [1, 5]]
    assert found.classes["dice"]["cell"] == pytest.approx(10 / 11)
    assert objects.max() == 2
    assert found.objects["aji"] == pytest.approx(5 / 6)
    assert found.objects["seg"] == pytest.approx(1 / 2)  # half of cell 2 isn't more than half
    assert found.counts["references"] == found.counts["predictions"] == 2
    assert predicted.tolist() == [[1, 1, 0, 0], [1, 1, 0, 1]]


def test_only_annotated_cells_count():
    sample = cell_sample([[1, 1, 0, 0, 0], [1, 1, 0, 0, 0]], [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]])
    found, _, _ = scored(sample, [[1, 1, 0, 1, 1], [1, 1, 0, 1, 1]])
    assert found.objects["aji"] == found.objects["pq"] == found.objects["seg"] == 1
    assert found.counts["false_positives"] == 0
    assert found.classes["dice"]["cell"] == 1


def test_masks_are_cleaned_only_when_told():
    sample = cell_sample([[1, 1, 0, 0], [1, 1, 0, 0]])
    classes = [[1, 1, 0, 1], [1, 1, 0, 0]]
    assert scored(sample, classes, min_size=2)[0].classes["dice"]["cell"] == pytest.approx(8 / 9)
    assert scored(sample, classes, min_size=2, masks=True)[0].classes["dice"]["cell"] == 1


def test_absent_classes_are_left_out_of_means_and_pooled_scores_weigh_pixels():
    empty = cell_sample(np.zeros((2, 4)))
    full = cell_sample([[1, 1, 0, 0], [1, 1, 0, 0]])
    images = [scored(empty, np.zeros((2, 4), int))[0], scored(full, [[1, 0, 0, 0], [1, 0, 0, 0]])[0]]
    results = summary(images, ("background", "cell"), 100)
    assert results["image_mean"]["dice"]["foreground"] == pytest.approx(2 / 3)
    assert results["image_mean"]["absent"]["cell"] == 1
    assert results["pooled"]["iou"]["foreground"] == pytest.approx(1 / 2)
    assert np.isnan(per_image(images, ("background", "cell"))["dice"][0])


def test_intervals_are_those_of_drawing_images_and_groups_are_drawn_whole():
    values = np.random.default_rng(0).normal(0.7, 0.1, 200)
    low, high = interval(weighted_mean(values), [str(k) for k in range(200)], 4000)
    wide = 1.96 * values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - wide, abs=0.15 * wide)
    assert high == pytest.approx(values.mean() + wide, abs=0.15 * wide)
    twice = np.repeat(values[:50], 4)
    low, high = interval(weighted_mean(twice), [str(k // 4) for k in range(200)], 4000)
    wide = 1.96 * values[:50].std() / np.sqrt(50)
    assert high - low == pytest.approx(2 * wide, rel=0.15)
    assert np.isnan(interval(weighted_mean(values[:3]), ["a"] * 3, 100)).all()


@pytest.fixture(scope="module")
def evaluated(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    checkpoint = finished / "checkpoints" / "best.ckpt"
    assert evaluate_main([str(checkpoint), "--output", str(folder / "a"), "resamples=200"]) == 0
    return folder / "a", checkpoint


def test_the_scores_are_those_of_training(evaluated, finished):
    results = json.loads((evaluated[0] / "evaluation.json").read_text())
    stored = json.loads((finished / "results.json").read_text())["test"]
    for name in ("dice", "iou", "precision", "recall"):
        assert results["pooled"][name] == stored["pooled"][name]
        assert results["image_mean"][name]["foreground"] == pytest.approx(stored["image_mean"][name]["foreground"])
    for name in ("aji", "pq", "seg", "ap50", "ap"):
        assert results["objects"][name] == pytest.approx(stored["objects"]["image_mean"][name])
    low, high = results["intervals"]["pooled dice"]
    assert low <= results["pooled"]["dice"]["foreground"] <= high


def test_the_report_and_the_table_say_what_was_measured_and_how(evaluated):
    folder, _ = evaluated
    page, text = ((folder / name).read_text() for name in ("report.html", "report.md"))
    protocol = json.loads((folder / "evaluation.json").read_text())["protocol"]
    for name in ("split_hash", "precision"):
        assert protocol[name] in page
        assert protocol[name] in text
    assert protocol["postprocess"]["_target_"].endswith("Components")
    assert page.count("data:image/png;base64") == 2
    assert "http" not in page
    with (folder / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert {"id", "dice", "boundary_f1", "hausdorff95", "aji", "merged"} <= set(rows[0])
    for name in ("worst1.png", "worst2.png"):
        assert (folder / "pictures" / name).stat().st_size > 500


def test_another_evaluation_is_not_replaced(evaluated, tmp_path):
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    shutil.copy(evaluated[1], path)
    for _ in range(2):
        assert evaluate_main([str(path), "resamples=100"]) == 0
    with pytest.raises(InputError, match="holds another evaluation"):
        evaluate_main([str(path), "tta=flips", "resamples=100"])


def test_a_page_escapes_what_it_is_given():
    page = html("evaluation.html", title="<script>x</script>", protocol=[("a", "<b>")], tables=[], cards=[])
    assert page.count("<script") == 1  # the page's own, which sorts tables
    assert page.count("&lt;script&gt;x&lt;/script&gt;") == 2  # title and heading
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("split=tst", "split=tst: input should be 'test' or 'val'"),
        ("tolerance=-1", "tolerance=-1"),
        ("splt=val", "did you mean 'split'"),
        ("model.depth=1", "training fixed"),
    ],
)
def test_wrong_words(evaluated, tmp_path, override, message):
    with pytest.raises(InputError, match=message):
        evaluate_main([str(evaluated[1]), "--output", str(tmp_path), override])


def test_a_checkpoint_cannot_name_a_data_set_that_runs_something(evaluated, tmp_path):
    content = torch.load(evaluated[1], weights_only=True)
    content["unet_lightning"]["config"]["data"]["_target_"] = "os.system"
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises(InputError, match=r"data\._target_=os\.system"):
        evaluate_main([str(tmp_path / "bad.ckpt"), "--output", str(tmp_path / "o")])


def changed(path, source, factor, **protocol):
    """An evaluation whose Dice differ."""
    results = json.loads((source / "evaluation.json").read_text())
    for k, row in enumerate(results["per_image"]):
        row["dice"] = row["dice"] * factor - 0.001 * k
    results["protocol"] |= protocol
    path.mkdir()
    (path / "evaluation.json").write_text(json.dumps(results))
    return path


def test_compare_refuses_another_protocol_and_says_what_differs(evaluated, tmp_path):
    other = changed(tmp_path / "b", evaluated[0], 0.9, precision="bf16-mixed")
    with pytest.raises(InputError, match=r"precision: .* has 32-true, .* has bf16-mixed"):
        compare_main([str(evaluated[0]), str(other)])
    assert compare_main([str(evaluated[0]), str(other), "vary=precision"]) == 0
    with pytest.raises(InputError, match="not in the protocol"):
        compare_main([str(evaluated[0]), str(other), "vary=precison"])
    with pytest.raises(InputError, match="not evaluated; run: unet-lightning evaluate"):
        compare_main([str(evaluated[0]), str(tmp_path)])
    with pytest.raises(InputError, match="two different runs"):
        compare_main([str(evaluated[0])])


def test_another_tiling_is_another_protocol_and_an_evaluation_that_says_none_overlapped(evaluated, tmp_path):
    other = changed(tmp_path / "b", evaluated[0], 0.9, tiling="nnunet")
    with pytest.raises(InputError, match=r"tiling: .* has overlap, .* has nnunet"):
        compare_main([str(evaluated[0]), str(other)])
    assert compare_main([str(evaluated[0]), str(other), "vary=tiling"]) == 0
    path = other / "evaluation.json"
    results = json.loads(path.read_text())
    del results["protocol"]["tiling"]
    path.write_text(json.dumps(results))
    assert compare_main([str(evaluated[0]), str(other)]) == 0


def test_compare_writes_paired_differences(evaluated, tmp_path, capsys):
    other = changed(tmp_path / "b", evaluated[0], 0.9)
    assert compare_main([str(evaluated[0]), str(other), "--output", str(tmp_path / "c"), "resamples=200"]) == 0
    with (tmp_path / "c" / "comparison.csv").open() as file:
        rows = {row["score"]: row for row in csv.DictReader(file)}
    images = json.loads((evaluated[0] / "evaluation.json").read_text())["per_image"]
    expected = np.mean([row["dice"] * 0.9 - 0.001 * k - row["dice"] for k, row in enumerate(images)])
    assert float(rows["dice"]["difference"]) == pytest.approx(expected)
    assert float(rows["iou"]["difference"]) == 0
    assert float(rows["iou"]["p"]) == 1
    assert "| Dice | B - A | 2 | 2 |" in capsys.readouterr().out


def test_paired_statistics_worked_by_hand():
    one = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    two = one + np.array([0.01, 0.02, 0.03, 0.04, 0.05, np.nan])
    row = paired(one, two, list("abcdef"), 2000)
    assert row["images"] == 5
    assert row["difference"] == pytest.approx(0.03)
    assert 0.01 <= row["low"] < 0.03 < row["high"] <= 0.05
    assert row["p"] == pytest.approx(2 / 2**5)  # all signs alike: one of 2^5 ways on either side


def test_holm_worked_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.5, float("nan"), 0.02])
    assert corrected[0] == 0.5
    assert np.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.04)


def test_tune_never_reads_the_test_split_and_predict_uses_its_choice(finished, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    shutil.copy(finished / "checkpoints" / "best.ckpt", path)
    splits = {record.id: record.split for record in build_data_module(config(*SMALL)).dataset.records}
    seen = []
    original = records_to_score
    monkeypatch.setattr(tune, "records_to_score", lambda *a: seen.extend(original(*a)) or original(*a))
    monkeypatch.setattr(tune, "NECKS", (1.0,))
    assert tune_main([str(path)]) == 0
    assert {splits[record.id] for record in seen} == {"val"}
    stored = json.loads(tuned_path(path).read_text())
    model = load(path)
    assert model.config["postprocess"] == stored["postprocess"]
    assert stored["tried"] >= 4
    assert "tried, the best of them" in capsys.readouterr().out
    with pytest.raises(InputError, match="tune chooses"):
        tune_main([str(path), "split=test"])


def test_tune_cleans_masks_where_there_are_no_instances(monkeypatch, finished):
    classes = np.zeros((20, 20), np.uint8)
    classes[2:12, 2:12] = 1
    sample = Sample(np.zeros((20, 20, 1), np.uint8), classes.copy(), np.ones((20, 20), bool))
    noisy = classes.copy()
    noisy[15, ::3] = 1
    node = {"_target_": "unet_lightning.postprocess.components.Components", "fill_holes": False, "keep_largest": False}
    node |= {"ridge": 0, "masks": True}
    small, clean = score_candidates([node | {"min_size": size} for size in (0, 5)], [(noisy, sample)], False)
    assert clean == 1
    assert small == pytest.approx(200 / 207)


def nodes_of(masks):
    """Config nodes of all kinds of post-processing."""
    values = product((0, 9), (False, True), (False, True), (0, 2))
    common = [dict(zip(("min_size", "fill_holes", "keep_largest", "ridge"), each, strict=True)) for each in values]
    kinds = {"components.Components": {}, "watershed.Watershed": {"neck": 0.5}}
    return [
        {"_target_": f"unet_lightning.postprocess.{kind}", "masks": masks} | more | each
        for kind, more in kinds.items()
        for each in common
    ]


def rough_pairs():
    """Touching objects with holes and specks; ignored are nothing, single pixels, the half, or all background."""
    random = np.random.default_rng(0)
    for k in range(4):
        truth, count = label(gaussian_filter(random.random((60, 70)), 3) > 0.5)
        assert count > 3
        predicted = (gaussian_filter(random.random((60, 70)), 1) + (truth > 0) > 0.9).astype(np.uint8)
        single, half = random.random((60, 70)) > 0.02, np.arange(70) < np.full((60, 1), 35)
        valid = [np.ones((60, 70), bool), single, half, truth > 0][k]
        mask = (truth > 0).astype(np.uint8) * (1 + truth % 2).astype(np.uint8)
        yield predicted, Sample(np.zeros((60, 70, 1), np.uint8), mask, valid, truth.astype(np.int32))


def test_candidates_that_share_their_objects_score_as_each_by_itself():
    pairs, nodes = list(rough_pairs()), nodes_of(masks=False)
    expected = []
    for node in nodes:
        objects = [instantiate(node)(predicted) for predicted, _ in pairs]
        references = [sample.instances * sample.valid for _, sample in pairs]
        kept = [drop_ignored(r, o, s.valid) for r, o, (_, s) in zip(references, objects, pairs, strict=True)]
        expected.append([panoptic_quality(overlaps(*two)) for two in zip(references, kept, strict=True)])
    assert len(set(np.mean(expected, 1))) > 16
    for k, pair in enumerate(pairs):
        assert score_candidates(nodes, [pair], True) == [one[k] for one in expected]
    assert score_candidates(nodes, pairs, True) == pytest.approx(np.mean(expected, 1), rel=1e-12)


def test_candidates_without_objects_score_as_the_masks_of_each_by_itself():
    pairs = [(predicted * sample.mask.clip(1), sample) for predicted, sample in rough_pairs()]
    nodes = nodes_of(masks=True)
    expected = []
    for node in nodes:
        both = [(instantiate(node).final_classes(c)[s.valid], s.mask[s.valid]) for c, s in pairs]
        agree = sum(((found == mask) & (mask > 0)).sum() for found, mask in both)
        expected.append(2 * agree / sum((found > 0).sum() + (mask > 0).sum() for found, mask in both))
    assert len(set(expected)) > 12
    assert score_candidates(nodes, pairs, False) == expected


def test_the_test_takes_groups_as_the_interval_does():
    """Ten frames of each of three sequences, all better by the same: three independent differences, not thirty."""
    groups = [name for name in "abc" for _ in range(10)]
    step = np.repeat([0.01, 0.02, 0.03], 10)
    row = paired(np.zeros(30), step, groups, 500)
    assert (row["images"], row["groups"]) == (30, 3)
    assert row["p"] == pytest.approx(2 / 2**3)  # exact, of three differences with one sign


def test_one_checkpoint_by_two_paths_is_one_evaluation(evaluated, tmp_path, monkeypatch):
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    shutil.copy(evaluated[1], path)
    assert evaluate_main([str(path), "resamples=100"]) == 0
    monkeypatch.chdir(tmp_path)
    assert evaluate_main(["run/checkpoints/best.ckpt", "resamples=100"]) == 0
    shutil.move(tmp_path / "run", tmp_path / "moved")
    assert evaluate_main(["moved/checkpoints/best.ckpt", "resamples=100"]) == 0


def test_a_run_named_twice_is_not_compared_with_itself(evaluated, monkeypatch):
    monkeypatch.chdir(evaluated[0].parent)
    with pytest.raises(InputError, match="named twice"):
        compare_main([str(evaluated[0]), evaluated[0].name])


def test_evaluate_says_the_scores(evaluated, tmp_path, caplog):
    with caplog.at_level("INFO"):
        evaluate_main([str(evaluated[1]), "--output", str(tmp_path / "e"), "resamples=100"])
    dice = json.loads((tmp_path / "e" / "evaluation.json").read_text())["pooled"]["dice"]["foreground"]
    line = next(line for line in caplog.messages if line.startswith("foreground Dice, pooled"))
    assert f"{dice:.3f}" in line
