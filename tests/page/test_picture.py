import numpy as np

from unet_lightning.page.picture import ERROR_COLORS, displayable, errors_over, labels_over, panel


def test_errors_are_coloured_by_kind():
    mask = np.array([[1, 0, 1, 1, 1]])
    prediction = np.array([[0, 1, 2, 1, 0]])
    valid = np.array([[True, True, True, True, False]])
    shown = errors_over(np.full((1, 5, 3), 200, np.uint8), mask, prediction, valid)[0]
    assert [tuple(color) for color in shown] == [*ERROR_COLORS.values(), (80, 80, 80), (0, 0, 0)]


def test_labels_leave_the_background_alone():
    picture = np.full((1, 2, 3), 100, np.uint8)
    shown = labels_over(picture, np.array([[0, 1]]), [(0, 0, 0), (200, 0, 0)])
    assert shown.tolist() == [[[100, 100, 100], [150, 50, 50]]]


def test_sixteen_bits_are_stretched_to_what_a_screen_shows():
    image = np.arange(10000, dtype=np.uint16).reshape(100, 100, 1) * 6
    shown = displayable(image)
    assert shown.shape == (100, 100, 3)
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_panel_has_four_parts():
    mask = np.zeros((6, 5), np.uint8)
    shown = panel(np.zeros((6, 5, 1), np.uint8), mask, mask, mask == 0, [(0, 0, 0), (1, 1, 1)])
    assert shown.shape == (6, 4 * 5 + 12, 3)
