import numpy as np
import pytest
import torch

from unet_lightning.metric.semantic import class_scores, confusion_matrix, pixel_accuracy, summary

RANDOM = np.random.default_rng(0)


def test_confusion_matrix_worked_by_hand():
    mask = torch.tensor([[0, 1, 1], [2, 2, 0]])
    prediction = torch.tensor([[0, 1, 0], [2, 1, 1]])
    valid = torch.tensor([[True, True, True], [True, True, False]])
    expected = [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert confusion_matrix(prediction, mask, valid, 3).tolist() == expected


def test_scores_against_counting_sets_of_pixels():
    mask, prediction = RANDOM.integers(0, 3, (2, 9, 8)), RANDOM.integers(0, 3, (2, 9, 8))
    arrays = [torch.from_numpy(a) for a in (prediction, mask, np.ones(mask.shape, bool))]
    scores = class_scores(confusion_matrix(*arrays, 3))
    for k in range(3):
        labelled, predicted = set(np.flatnonzero(mask == k)), set(np.flatnonzero(prediction == k))
        both, either = len(labelled & predicted), len(labelled | predicted)
        assert scores["iou"][k] == pytest.approx(both / either)
        assert scores["dice"][k] == pytest.approx(2 * both / (len(labelled) + len(predicted)))
        assert scores["precision"][k] == pytest.approx(both / len(predicted))
        assert scores["recall"][k] == pytest.approx(both / len(labelled))
        assert scores["accuracy"][k] == pytest.approx(((mask == k) == (prediction == k)).mean())
    torch.testing.assert_close(scores["iou"], scores["dice"] / (2 - scores["dice"]))
    assert pixel_accuracy(confusion_matrix(*arrays, 3)) == pytest.approx((mask == prediction).mean())


def test_pooled_and_mean_over_images_differ_and_absent_classes_are_counted():
    matrices = torch.tensor([[[90, 0], [5, 5]], [[100, 0], [0, 0]], [[60, 30], [0, 10]]])
    scores = summary(matrices, ["background", "cell"])
    assert scores["pooled"]["dice"]["classes"]["cell"] == pytest.approx(2 * 15 / (2 * 15 + 5 + 30))
    assert scores["image_mean"]["dice"]["classes"]["cell"] == pytest.approx((10 / 15 + 20 / 50) / 2)
    assert scores["image_mean"]["absent"] == {"background": 0, "cell": 1}
    assert scores["pooled"]["dice"]["foreground"] == scores["pooled"]["dice"]["classes"]["cell"]
    both = scores["pooled"]["dice"]
    assert both["mean"] == pytest.approx(sum(both["classes"].values()) / 2)


def test_an_invented_object_on_an_empty_image_scores_zero_not_nan():
    scores = class_scores(torch.tensor([[90, 10], [0, 0]]))
    assert scores["dice"][1] == 0
    assert scores["recall"][1].isnan()


def test_without_a_background_every_class_counts_as_foreground():
    matrices = torch.tensor([[[5, 1], [2, 8]], [[3, 0], [1, 6]]])
    with_background, without = (summary(matrices, ["sky", "tree"], background) for background in (True, False))
    assert with_background["pooled"]["dice"]["foreground"] == with_background["pooled"]["dice"]["classes"]["tree"]
    assert without["pooled"]["dice"]["foreground"] == pytest.approx((16 / 20 + 28 / 32) / 2)
