"""A confusion matrix as a picture."""

import numpy as np

from unet_lightning.label import BLUE
from unet_lightning.page.matrix import CELL, matrix_picture


def test_cells_are_shaded_by_their_share_of_the_row_and_hold_its_number():
    picture = matrix_picture(np.array([[3, 1], [0, 0]]), ["background", "cell"])
    other = matrix_picture(np.array([[1, 3], [0, 0]]), ["background", "cell"])
    rows, columns = np.nonzero((picture != other).any(2))
    left, top = columns.min(), rows.min()  # of the first cell: the rows alone differ
    assert columns.max() - left < 2 * CELL
    assert rows.max() - top < CELL
    shade = [round(255 + (channel - 255) * 0.75) for channel in BLUE]
    assert picture[top + 2, left + 2].tolist() == shade
    first = picture[top : top + CELL - 1, left : left + CELL - 1]
    assert (first != shade).any()  # 75.0
    empty = picture[top + CELL : top + 2 * CELL - 1, left : left + CELL - 1]
    assert (empty == 255).all()


def test_names_of_every_script_and_length_have_a_place():
    names = ["背景", "a name of a class that is longer than a line", "c"]
    picture = matrix_picture(np.eye(3, dtype=np.int64), names)
    assert picture.dtype == np.uint8
    assert picture.shape[1] < 3 * CELL + 250
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
