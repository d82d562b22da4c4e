import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from unet_lightning.metric.calibration import BINS, expected_calibration_error, reliability


def of_two(*foreground):
    """Probabilities (2, 1, N) of background and foreground."""
    one = torch.tensor(foreground)[None, None]
    return torch.cat([1 - one, one])


def test_an_array_worked_by_hand():
    """Two pixels at 0.9, one of them right, and two at 0.58, both right; an ignored one counts nowhere."""
    probabilities = of_two(0.9, 0.1, 0.58, 0.42, 0.99)
    mask, valid = np.array([[1, 1, 1, 0, 0]], np.uint8), np.array([[True, True, True, True, False]])
    counts = reliability(probabilities, mask, valid)
    assert counts.shape == (3, 15)
    pixels, confidence, right = counts
    assert (pixels[13], pixels[8]) == (2, 2)  # (13/15, 14/15] and (8/15, 9/15]
    assert pixels.sum() == 4
    assert (confidence[13], confidence[8]) == pytest.approx((1.8, 1.16))
    assert (right[13], right[8]) == (1, 2)
    assert expected_calibration_error(counts) == pytest.approx((2 * abs(0.5 - 0.9) + 2 * abs(1.0 - 0.58)) / 4)


@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_that_of_torchmetrics(classes):
    random = np.random.default_rng(classes)
    probabilities = torch.from_numpy(random.normal(0, 2, (classes, 40, 30))).softmax(0)
    mask, valid = random.integers(0, classes, (40, 30)), random.random((40, 30)) > 0.2
    found = expected_calibration_error(reliability(probabilities, mask, valid))
    target = torch.from_numpy(np.where(valid, mask, -1))[None]
    expected = multiclass_calibration_error(probabilities[None], target, classes, n_bins=BINS, ignore_index=-1)
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_counts_of_images_add_up_and_certain_pixels_lie_in_the_last_bin():
    parts = [reliability(of_two(*p), np.ones((1, 3), int), np.ones((1, 3), bool)) for p in ([1, 0.7, 0], [0.5, 1, 0.2])]
    both = reliability(of_two(1, 0.7, 0, 0.5, 1, 0.2), np.ones((1, 6), int), np.ones((1, 6), bool))
    np.testing.assert_allclose(parts[0] + parts[1], both)
    assert both[0, -1] == 3
    errors = expected_calibration_error(np.stack([*parts, 0 * both]))
    assert errors[:2] == pytest.approx([expected_calibration_error(part) for part in parts])
    assert np.isnan(errors[2])
