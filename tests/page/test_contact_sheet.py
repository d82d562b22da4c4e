import numpy as np
import pytest

from unet_lightning.page.contact_sheet import SIDE, contact_sheet, labelled_thumbnail
from unet_lightning.sample import Sample

COLORS = ((0, 0, 0), (250, 0, 0), (0, 0, 250))


def sample(height, width, instances=None, ignored=None):
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 2] = 1
    valid = np.ones(mask.shape, bool)
    valid[ignored or np.s_[:0]] = False
    image = np.linspace(0, 60000, height * width).reshape(height, width, 1).astype(np.uint16)
    return Sample(image, mask, valid, instances)


@pytest.mark.parametrize(
    ("shape", "expected"), [((240, 240), (240, 240)), ((60, 120), (120, 240)), ((3000, 30), (240, 2))]
)
def test_the_longer_side_is_the_tiles(shape, expected):
    assert labelled_thumbnail(sample(*shape), COLORS).shape == (*expected, 3)


def test_classes_are_tinted_and_background_is_left_alone():
    drawn = labelled_thumbnail(sample(240, 240), COLORS)
    assert (drawn[:100, :100, 0].astype(int) - drawn[:100, :100, 1] == 100).all()
    assert (drawn[130:] == drawn[130:, :, :1]).all()


def test_objects_are_outlined_also_where_they_touch():
    objects = np.zeros((240, 240), np.int32)
    objects[40:80, 40:80], objects[40:80, 80:120] = 1, 2
    drawn = labelled_thumbnail(sample(240, 240, objects), COLORS)
    white = (drawn == 255).all(2)[:200]  # the picture itself ends in white
    assert white[60, [40, 79, 80, 119]].all()
    assert white.sum() == 2 * (4 * 40 - 4)


def test_ignored_pixels_are_striped():
    drawn = labelled_thumbnail(sample(240, 240, ignored=np.s_[200:]), COLORS)
    grey = (drawn == 128).all(2)
    assert 0.45 < grey[200:].mean() < 0.55
    assert grey[:200].mean() < 0.01


def test_a_page_holds_its_tiles_in_rows_of_six():
    tiles = [np.full((SIDE, SIDE, 3), k, np.uint8) for k in range(8)]
    page = contact_sheet(
        tiles, ["a ü name that is much too long for the width of a tile"] * 8, "title", [("cell", COLORS[1])]
    )
    assert page.shape[1] > 6 * SIDE
    for k in range(8):
        assert (page == k).all(2).sum() >= SIDE * SIDE
    assert (page == COLORS[1]).all(2).sum() > 50


def test_many_classes_need_several_lines_and_low_pictures_low_rows():
    def page(classes, height):
        tiles = [np.zeros((height, SIDE, 3), np.uint8)] * 3
        legend = [(f"a class of number {k}", (k + 1, 255, 0)) for k in range(classes)]
        return contact_sheet(tiles, ["x"] * 3, "title", legend)

    many = page(40, 100)
    assert all((many == (k + 1, 255, 0)).all(2).sum() > 50 for k in range(40))
    assert len(many) > len(page(2, 100)) + 3 * 18
    assert len(page(2, 150)) == len(page(2, 100)) + 50
