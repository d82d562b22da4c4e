import numpy as np
import pytest

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding


def test_ids_as_they_are():
    ids, valid = LabelEncoding(3).decode(np.array([[0, 2], [1, 1]], np.uint16))
    assert ids.tolist() == [[0, 2], [1, 1]]
    assert ids.dtype == np.uint8
    assert valid.all()


def test_values_are_mapped_and_ignored():
    ids, valid = LabelEncoding(2, ignore=9, values={-1: 0, 70_000: 1}).decode(np.array([[-1, 70_000, 9]]))
    assert (ids.tolist(), valid.tolist()) == ([[0, 1, 0]], [[True, True, False]])


def test_a_threshold_leaves_the_ignored():
    ids, valid = LabelEncoding(2, threshold=127, ignore=255).decode(np.array([[0, 128, 255]], np.uint8))
    assert (ids.tolist(), valid.tolist()) == ([[0, 1, 0]], [[True, True, False]])


def test_a_threshold():
    ids, valid = LabelEncoding(2, threshold=127).decode(np.array([[0, 127, 128, 255]], np.uint8))
    assert (ids.tolist(), valid.all()) == ([[0, 0, 1, 1]], True)


@pytest.mark.parametrize(
    ("values", "classes", "words"),
    [
        ([0, 255], 2, r"set 'data\.label_values=\{0:0,255:1\}'"),
        ([0, 1, 255], 2, r"set data\.ignore=255 if 255 means unlabelled"),
        ([0, 13, 128, 200, 255], 2, r"anti-aliased or compressed: set data\.threshold=127"),
        ([0, 1, 7], 2, r"name all classes in data\.classes"),
        ([255], 2, r"data\.label_values=\{0:0,255:1\}' if 255 is the foreground; set data\.ignore=255"),
    ],
)
def test_values_without_a_meaning_come_with_the_line_that_mends_them(values, classes, words):
    with pytest.raises(InputError, match=words):
        LabelEncoding(classes).decode(np.array([values]))


def test_a_coding_names_classes_that_exist():
    with pytest.raises(InputError, match=r"names ids beyond the classes 0\.\.1"):
        LabelEncoding(2, values={0: 7})
    with pytest.raises(InputError, match="is also a key"):
        LabelEncoding(2, ignore=255, values={0: 0, 255: 1})
    with pytest.raises(InputError, match="gives two classes"):
        LabelEncoding(3, threshold=9)
    with pytest.raises(InputError, match="names 1 colours for 2 classes"):
        LabelEncoding(2, colors=[[0, 0, 0]])
