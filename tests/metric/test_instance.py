import numpy as np
import pytest
import tifffile

from unet_lightning.metric import instance, overlap
from unet_lightning.metric.instance import (
    THRESHOLDS,
    aggregated_jaccard,
    average_precision,
    errors,
    mean_average_precision,
    panoptic_quality,
    seg,
)
from unet_lightning.metric.names import OBJECT_SCORES
from unet_lightning.metric.overlap import drop_ignored, overlaps, renumber

RANDOM = np.random.default_rng(0)


def boxes(*corners, shape=(12, 20)):
    labels = np.zeros(shape, np.int32)
    for number, (top, left, bottom, right) in enumerate(corners, 1):
        labels[top:bottom, left:right] = number
    return labels


def scattered(number, shape=(40, 50)):
    labels = np.zeros(shape, np.int64)
    for _ in range(number):
        y, x, h, w = RANDOM.integers(0, (*shape, 12, 12))
        labels[y : y + h, x : x + w] = RANDOM.integers(1, 70_000)
    return labels


def objects(labels):
    return [labels == number for number in np.unique(labels[labels > 0])]


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def brute_aji(reference, prediction):
    """Algorithm 1 of Kumar et al., word by word."""
    references, predictions = objects(reference), objects(prediction)
    intersection = union = 0
    used = set()
    for g in references:
        scores = [iou(g, s) for s in predictions]
        if not scores or max(scores) == 0:
            union += g.sum()
            continue
        j = int(np.argmax(scores))
        intersection += (g & predictions[j]).sum()
        union += (g | predictions[j]).sum()
        used.add(j)
    union += sum(s.sum() for j, s in enumerate(predictions) if j not in used)
    return intersection / union if union else np.nan


def brute_matches(reference, prediction, threshold):
    return [iou(g, s) for g in objects(reference) for s in objects(prediction) if iou(g, s) > threshold]


def brute_seg(reference, prediction):
    scores = []
    for g in objects(reference):
        found = [iou(g, s) for s in objects(prediction) if (g & s).sum() > 0.5 * g.sum()]
        scores.append(found[0] if found else 0.0)
    return np.mean(scores) if scores else np.nan


@pytest.mark.parametrize("case", range(30))
def test_every_score_equals_brute_force_on_random_label_maps(case):
    reference, prediction = scattered(case % 8), scattered((case * 3) % 9)
    if case % 3 == 0:  # something similar, too
        prediction = np.where(RANDOM.uniform(size=reference.shape) < 0.05, 0, np.roll(reference, 1, 0))
    found = overlaps(reference, prediction)
    n, m = len(objects(reference)), len(objects(prediction))
    assert aggregated_jaccard(found) == pytest.approx(brute_aji(reference, prediction), nan_ok=True)
    assert seg(found) == pytest.approx(brute_seg(reference, prediction), nan_ok=True)
    matched = brute_matches(reference, prediction, 0.5)
    quality = sum(matched) / (len(matched) + (n - len(matched)) / 2 + (m - len(matched)) / 2) if n + m else np.nan
    assert panoptic_quality(found) == pytest.approx(quality, nan_ok=True)
    precisions = []
    for threshold in THRESHOLDS:
        hits = len(brute_matches(reference, prediction, threshold))
        precisions.append(hits / (n + m - hits) if n + m else np.nan)
        assert average_precision(found, threshold) == pytest.approx(precisions[-1], nan_ok=True)
    assert mean_average_precision(found) == pytest.approx(np.mean(precisions), nan_ok=True)


def test_worked_by_hand():
    reference = boxes((0, 0, 4, 4), (6, 0, 10, 4))  # 16 pixels each
    prediction = boxes((0, 0, 4, 2), (0, 10, 2, 12))  # half of the first; 4 pixels of nothing
    found = overlaps(reference, prediction)
    assert aggregated_jaccard(found) == pytest.approx(8 / (16 + 16 + 4))
    assert seg(found) == 0  # exactly half is not more than half
    assert panoptic_quality(found) == 0  # IoU of exactly 0.5 is no match
    assert average_precision(found, 0.5) == 0


def test_perfect_is_one_whatever_the_numbers():
    reference = scattered(9)
    found = overlaps(reference, np.where(reference, 70_000 - reference, 0) + (reference > 0) * 5)
    assert aggregated_jaccard(found) == panoptic_quality(found) == seg(found) == mean_average_precision(found) == 1


def test_one_prediction_may_serve_two_references():
    found = overlaps(boxes((0, 0, 4, 4), (0, 4, 4, 8)), boxes((0, 0, 4, 8)))
    assert aggregated_jaccard(found) == pytest.approx((16 + 16) / (32 + 32))


def test_nothing_there_and_nothing_found():
    found = overlaps(np.zeros((5, 5), int), np.zeros((5, 5), int))
    for score in (aggregated_jaccard, panoptic_quality, seg, mean_average_precision):
        assert np.isnan(score(found))


def test_a_threshold_below_a_half_is_refused():
    with pytest.raises(ValueError, match="two matches"):
        average_precision(overlaps(scattered(2), scattered(2)), 0.4)


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [
        ([(0, 0, 4, 4), (0, 4, 4, 8)], [(0, 0, 4, 8)], {"merged": 1, "joined": 2}),
        (
            [(0, 0, 4, 4), (0, 4, 4, 8), (4, 0, 8, 8), (9, 0, 10, 4), (9, 4, 10, 8), (11, 0, 12, 8)],
            [(0, 0, 8, 8), (9, 0, 10, 8), (11, 0, 12, 8)],
            {"merged": 2, "joined": 5},
        ),
        ([(0, 0, 4, 8)], [(0, 0, 4, 4), (0, 4, 4, 8)], {"split": 1}),
        ([(0, 0, 4, 8)], [(0, 0, 4, 1)], {"false_negatives": 1}),
        ([(0, 0, 4, 8)], [(0, 0, 4, 7), (8, 8, 10, 10)], {"false_positives": 1}),
        ([(0, 0, 4, 8)], [], {"false_negatives": 1}),
        ([], [(0, 0, 4, 8)], {"false_positives": 1}),
    ],
)
def test_every_kind_of_error(reference, prediction, expected):
    found = errors(overlaps(boxes(*reference), boxes(*prediction)))
    zeros = {"merged": 0, "joined": 0, "split": 0, "false_negatives": 0, "false_positives": 0}
    assert found == {"references": len(reference), "predictions": len(prediction)} | zeros | expected


def test_a_published_imperfect_segmentation(real_data):
    """Cell Tracking Challenge, DIC-C2DH-HeLa: 01_ERR_SEG against the gold of the same frame."""
    folder = real_data / "ctc" / "DIC-C2DH-HeLa"
    compared = 0
    for path in sorted((folder / "01_ERR_SEG").glob("*.tif")):
        gold = folder / "01_GT" / "SEG" / path.name.replace("mask", "man_seg")
        if gold.exists():
            reference, prediction = tifffile.imread(gold), tifffile.imread(path)
            found = overlaps(reference, prediction)
            assert aggregated_jaccard(found) == pytest.approx(brute_aji(reference, prediction))
            assert seg(found) == pytest.approx(brute_seg(reference, prediction))
            assert 0.1 < seg(found) < 1
            compared += 1
    if not compared:
        pytest.skip("no frame has both a gold and an imperfect segmentation")


def test_without_ignored_pixels_every_prediction_counts():
    prediction = boxes((0, 0, 5, 5))
    assert np.array_equal(drop_ignored(boxes((1, 1, 5, 5)), prediction, np.ones(prediction.shape, bool)), prediction)


def test_objects_on_ignored_pixels_count_nowhere_and_others_lose_their_ignored_part():
    reference = boxes((0, 0, 6, 6))
    valid = np.ones(reference.shape, bool)
    valid[:, 8:] = False
    prediction = boxes((0, 0, 6, 9), (8, 7, 12, 12), (8, 12, 12, 18), (9, 2, 11, 4))
    counted = drop_ignored(reference, prediction, valid)
    # the first reaches one column into the ignored part; the second is mostly, the third wholly ignored
    assert np.array_equal(counted, boxes((0, 0, 6, 8)) + 4 * boxes((9, 2, 11, 4)))


def test_in_a_partly_annotated_image_the_annotated_cells_alone_count_and_leaks_do():
    reference = boxes((0, 0, 4, 5))
    prediction = boxes((0, 0, 4, 10), (4, 4, 12, 20), (0, 12, 3, 15))
    prediction[3, 4] = 2  # touches the annotated cell, covers it not
    counted = drop_ignored(reference, prediction, reference > 0)
    table = overlaps(reference, counted)
    assert len(table.predictions) == 1
    assert seg(table) == pytest.approx(19 / 40)  # 19 shared pixels, 20 + 39 - 19 in the union
    assert errors(table)["false_positives"] == 0


@pytest.mark.parametrize("most", [0, 4, 10**6])
def test_overlaps_are_the_same_counted_and_sorted(monkeypatch, most):
    monkeypatch.setattr(overlap, "COUNTED", most)
    reference, prediction = scattered(12), scattered(15)
    found = overlaps(reference, prediction)
    first, second = objects(reference), objects(prediction)
    assert found.references.tolist() == [o.sum() for o in first]
    assert found.predictions.tolist() == [o.sum() for o in second]
    met = [((a & b).sum(), i, k) for i, a in enumerate(first) for k, b in enumerate(second) if (a & b).any()]
    assert list(zip(found.shared, found.rows, found.columns, strict=True)) == met


@pytest.mark.parametrize("labels", [[], [0, 0], [5, 0, 2**40, 5], [-3, 0, 7], [0, 3, 3, 1]])
def test_renumbering_is_that_of_the_sorted_labels(labels):
    ids, places = np.unique([0, *labels], return_inverse=True)
    number, found = renumber(np.array(labels, np.int64))
    assert (number, found.tolist()) == (len(ids), places[1:].tolist())


def test_scores_are_named_as_they_are_elsewhere():
    assert tuple(instance.SCORES) == OBJECT_SCORES
