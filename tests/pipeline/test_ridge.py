import cv2
import numpy as np
import pytest

from unet_lightning.data.synthetic import find
from unet_lightning.pipeline.ridge import cut_ridge


def test_worked_by_hand():
    instances = np.array([[1, 1, 2, 2, 0, 3], [1, 1, 2, 2, 0, 3]], np.int32)
    mask = (instances > 0).astype(np.uint8)
    assert cut_ridge(mask, instances, 1).tolist() == [[1, 0, 0, 1, 0, 1]] * 2
    assert cut_ridge(mask, instances, 0).tolist() == mask.tolist()
    assert cut_ridge(mask, instances, 2).tolist() == [[0, 0, 0, 0, 0, 0]] * 2


def test_cells_that_touch_at_a_corner_are_parted():
    instances = np.zeros((4, 4), np.int32)
    instances[:2, :2], instances[2:, 2:] = 1, 2
    assert cut_ridge((instances > 0).astype(np.uint8), instances, 1)[1:3, 1:3].sum() == 0


@pytest.mark.parametrize("width", [0, 1])
def test_touching_cells_merge_without_the_ridge_and_stay_apart_with_it(width):
    dataset = find(("background", "cell"), number=5, height=160, width=160, cells=20, noise=0.0, seed=3)
    merged = 0
    for record in dataset.records:
        sample = dataset.read(record)
        components = cv2.connectedComponents(cut_ridge(sample.mask, sample.instances, width))[1]
        for component in range(1, components.max() + 1):
            merged += len(np.unique(sample.instances[components == component])) > 1
    assert (merged == 0) == (width == 1)
