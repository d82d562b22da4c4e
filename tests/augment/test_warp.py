import cv2
import numpy as np
import pytest

from unet_lightning.augment.warp import Region, Warp, bicubic, coordinates, lies_inside, locate, sample_at
from unet_lightning.tiling.window import window

RANDOM = np.random.default_rng(0)


def warp(**options):
    return Warp(
        **({"mirror": False, "rotation": 0, "scale": (1, 1), "elastic": 0, "grid": 3, "probability": 1} | options)
    )


def test_nothing_drawn_is_a_crop():
    image = RANDOM.integers(0, 255, (40, 50, 3)).astype(np.uint8)
    where = warp()(Region(-7, 30, 32, 32), 0, RANDOM)
    assert np.array_equal(sample_at(image, locate(where), cv2.INTER_LINEAR), window(image, -7, 30, 32, 32))


def test_a_quarter_turn_worked_by_hand():
    where = coordinates(Region(0, 0, 3, 3), 0, np.array([[0.0, 1.0], [-1.0, 0.0]]))
    image = np.arange(9, dtype=np.uint8).reshape(3, 3)
    assert sample_at(image, locate(where), cv2.INTER_NEAREST).tolist() == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]


def test_a_rotation_keeps_distances_and_the_centre():
    rows, columns = warp(rotation=180)(Region(10, 20, 65, 65), 0, RANDOM)
    assert (rows[32, 32], columns[32, 32]) == pytest.approx((42, 52))
    assert np.hypot(rows[0, 0] - 42, columns[0, 0] - 52) == pytest.approx(np.hypot(32, 32))


def test_magnification_reads_closer_together():
    where = warp(scale=(2, 2))(Region(0, 0, 65, 65), 0, RANDOM)
    assert where[0, -1, 0] - where[0, 0, 0] == pytest.approx(32)


def test_displacements_have_the_papers_size_at_the_nodes_and_are_smooth_between():
    moves = []
    for _ in range(300):
        where = warp(elastic=10)(Region(0, 0, 65, 65), 0, RANDOM)
        move = where - np.mgrid[:65, :65]
        moves.append(move[:, ::32, ::32])
        assert np.abs(np.diff(move, 2, axis=1)).max() < 0.6
    assert np.std(moves) == pytest.approx(10, rel=0.05)


def test_bicubic_meets_the_nodes_and_reproduces_a_plane():
    values = np.array([3.0, -1, 4, 1])
    matrix = bicubic(4, 31)
    assert matrix[::10] @ values == pytest.approx(values, abs=1e-5)
    assert matrix @ np.arange(4.0) == pytest.approx(np.linspace(0, 3, 31), abs=1e-5)


def test_bicubic_against_keys_kernel_between_inner_nodes():
    t, (a, b, c, d) = 0.4, (3.0, -1.0, 4.0, 1.0)
    keys = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    assert bicubic(4, 31)[14] @ [a, b, c, d] == pytest.approx(keys, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_number_of_channels_alike(channels, dtype):
    image = RANDOM.integers(0, 255, (30, 30, channels)).astype(dtype)
    where = warp(rotation=180)(Region(3, 3, 16, 16), 0, RANDOM)
    whole = sample_at(image, locate(where), cv2.INTER_LINEAR)
    assert whole.dtype == dtype
    for c in range(channels):
        assert np.array_equal(
            whole[..., c], sample_at(np.ascontiguousarray(image[..., c]), locate(where), cv2.INTER_LINEAR)
        )


def test_labels_keep_their_numbers_however_large():
    labels = RANDOM.choice([0, 1, 70_000, 16_000_000], (40, 40)).astype(np.int32)
    found = sample_at(labels, locate(warp(rotation=180, elastic=5)(Region(0, 0, 40, 40), 0, RANDOM)), cv2.INTER_NEAREST)
    assert set(np.unique(found)) <= {0, 1, 70_000, 16_000_000}


def test_beyond_the_image_is_its_mirror_and_known_as_such():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    where = coordinates(Region(-4, -4, 18, 18), 0, np.eye(2))
    assert np.array_equal(sample_at(image, locate(where), cv2.INTER_NEAREST), np.pad(image, 4, mode="reflect"))
    assert np.array_equal(lies_inside(where, (10, 10)), np.pad(np.ones((10, 10)), 4))


def test_horizontal_mirroring_leaves_up_and_down_as_they_are():
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    region, horizontal = Region(0, 0, 8, 8), warp(mirror="horizontal")
    seen = {sample_at(picture, locate(horizontal(region, 0, RANDOM)), cv2.INTER_NEAREST).tobytes() for _ in range(40)}
    assert seen == {picture.tobytes(), picture[:, ::-1].tobytes()}


def test_probability_zero_only_mirrors():
    image = RANDOM.integers(0, 255, (8, 8)).astype(np.uint8)
    seen = set()
    for _ in range(50):
        found = sample_at(
            image,
            locate(warp(mirror=True, rotation=90, elastic=9, probability=0)(Region(0, 0, 8, 8), 0, RANDOM)),
            cv2.INTER_LINEAR,
        )
        seen.add(found.tobytes())
    assert seen == {a.tobytes() for a in (image, image[::-1], image[:, ::-1], image[::-1, ::-1])}


def test_the_surroundings_do_not_change_what_is_inside_and_go_on_smoothly():
    options = {"rotation": 180, "elastic": 10, "scale": (0.8, 1.25), "mirror": True}
    for rim in (3, 27):
        inner = warp(**options)(Region(5, 6, 64, 64), 0, np.random.default_rng(7))
        outer = warp(**options)(Region(5, 6, 64, 64), rim, np.random.default_rng(7))
        np.testing.assert_allclose(outer[:, rim:-rim, rim:-rim], inner, atol=1e-4)
        assert np.abs(np.diff(outer, 2, axis=1)).max() < 0.6


def test_an_oblong_region_is_the_middle_of_the_square_around_it():
    """Without displacements a pixel's place depends on the centre alone, however long the sides are."""
    whole = warp(rotation=180, scale=(0.8, 1.25))(Region(-7, 3, 40, 40), 0, np.random.default_rng(7))
    part = warp(rotation=180, scale=(0.8, 1.25))(Region(-7, 13, 40, 20), 0, np.random.default_rng(7))
    np.testing.assert_allclose(part, whole[:, :, 10:30], atol=1e-5)


def test_displacements_of_an_oblong_region_meet_its_corners():
    offsets = RANDOM.normal(0, 5, (2, 3, 3))
    moved = coordinates(Region(4, 9, 21, 61), 2, np.eye(2), offsets) - np.mgrid[2:27, 7:72]
    np.testing.assert_allclose(moved[:, 2:-2:10, 2:-2:30], offsets, atol=1e-4)
