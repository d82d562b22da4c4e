import numpy as np
import pytest
from scipy import ndimage

from unet_lightning.data.synthetic import find
from unet_lightning.pipeline.ridge import cut_ridge
from unet_lightning.postprocess.components import Components
from unet_lightning.postprocess.watershed import Watershed


def components(kind=Components, **options):
    values = {"min_size": 0, "fill_holes": False, "keep_largest": False, "ridge": 0, "masks": False}
    return kind(**(values | options))


def blobs(seed, shape=(90, 70), classes=3):
    """Class ids with pieces of all sizes, holes, and classes that touch."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=(classes, *shape)), (0, 2, 2))
    smooth[0] += 0.02
    return smooth.argmax(0).astype(np.uint8)


def test_pieces_are_numbered_and_small_ones_left_out():
    classes = np.array([[1, 1, 0, 0, 2], [1, 0, 0, 0, 0], [0, 0, 0, 1, 1]])
    assert components(min_size=0, fill_holes=False, ridge=0)(classes).tolist() == [
        [1, 1, 0, 0, 2],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 3, 3],
    ]
    assert components(min_size=2, fill_holes=False, ridge=0)(classes).tolist() == [
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 2, 2],
    ]


@pytest.mark.parametrize("fill", [True, False])
def test_holes(fill):
    ring = np.pad(np.ones((5, 5), int), 2)
    ring[4, 4] = 0
    assert components(min_size=0, fill_holes=fill, ridge=0)(ring)[4, 4] == fill


def test_the_ridge_comes_back_and_nothing_else_grows():
    labels = np.zeros((8, 12), np.int32)
    labels[2:6, 1:5], labels[2:6, 5:10] = 1, 2
    target = cut_ridge((labels > 0).astype(np.uint8), labels, 1)
    assert target.sum() < (labels > 0).sum()
    assert np.array_equal(components(min_size=0, fill_holes=False, ridge=1)(target), labels)


@pytest.mark.parametrize("width", [1, 2])
def test_cutting_and_growing_back_gives_touching_cells_back(width):
    dataset = find(("background", "cell"), number=4, height=160, width=160, cells=12, noise=0.0, seed=1)
    for record in dataset.records:
        sample = dataset.read(record)
        target = cut_ridge(sample.mask, sample.instances, width)
        grown = components(min_size=0, fill_holes=False, ridge=width)(target)
        before, after = ((labels > 0) == (sample.mask > 0) for labels in (target, grown))
        assert after.mean() >= before.mean() or width > 1  # a wide ridge can cut thin cells in two
        assert after.mean() > 0.98
        assert len(np.unique(grown)) == len(np.unique(components(min_size=0, fill_holes=False, ridge=0)(target)))


def test_nothing_stays_nothing():
    assert components(min_size=5, fill_holes=True, ridge=1)(np.zeros((4, 4), int)).max() == 0


@pytest.mark.parametrize("seed", range(4))
def test_pieces_are_scipys_of_each_class_in_the_order_of_their_first_pixels(seed):
    classes = blobs(seed)
    found = components()(classes)
    expected = np.zeros_like(found)
    for kind in (1, 2):
        pieces, _ = ndimage.label(classes == kind, np.ones((3, 3)))
        expected[pieces > 0] = pieces[pieces > 0] + expected.max()
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert len(pairs[0]) == len(np.unique(found)) == len(np.unique(expected))
    firsts = np.unique(found, return_index=True)[1][1:]
    assert (np.diff(firsts) > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_filled_holes_are_scipys(seed):
    classes = blobs(seed, classes=2)
    filled = components(fill_holes=True)(classes) > 0
    assert np.array_equal(filled, ndimage.binary_fill_holes(classes > 0))


@pytest.mark.parametrize("rows", [1, 2, 7, 89])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fill_holes": True, "min_size": 9, "ridge": 2},
        {"keep_largest": True},
        {"ridge": 1, "kind": Watershed, "neck": 0.7, "min_size": 3},
    ],
    ids=str,
)
def test_bands_give_what_the_whole_gives(options, rows):
    postprocess = components(**options)
    for seed in range(3):
        classes = blobs(seed)
        objects = np.zeros(classes.shape, np.int32)
        kinds = postprocess.write(classes, objects, rows)
        whole = np.zeros(classes.shape, np.int32)
        assert np.array_equal(postprocess.write(classes, whole), kinds)
        assert np.array_equal(objects, whole)
        assert np.array_equal(objects, postprocess(classes))
        assert objects.max() == len(kinds) - 1
        masked = postprocess.class_mask(objects, kinds)
        kept = (masked > 0) & (classes > 0)
        assert postprocess.ridge or np.array_equal(masked[kept], classes[kept])


def test_the_largest_of_each_class_is_kept():
    classes = np.array([[1, 1, 0, 2, 2, 2], [0, 0, 0, 0, 0, 0], [1, 0, 2, 0, 0, 1]])
    expected = [[1, 1, 0, 2, 2, 2], [0] * 6, [0] * 6]
    assert components(keep_largest=True)(classes).tolist() == expected


def test_a_hole_between_classes_takes_the_class_left_of_its_first_pixel_and_open_ones_stay():
    classes = np.array([[1, 1, 2, 0], [1, 0, 2, 2], [1, 2, 2, 0]])
    kinds_and_objects = np.zeros((3, 4), np.int32)
    post = components(fill_holes=True)
    kinds = post.write(classes, kinds_and_objects)
    assert post.class_mask(kinds_and_objects, kinds).tolist() == [[1, 1, 2, 0], [1, 1, 2, 2], [1, 2, 2, 0]]


def test_noise_of_many_classes_has_as_many_pieces_as_scipy_says():
    classes = np.random.default_rng(0).integers(0, 20, (200, 220)).astype(np.uint8)
    number = sum(ndimage.label(classes == k, np.ones((3, 3)))[1] for k in range(1, 20))
    assert components()(classes).max() == number
    objects = np.zeros(classes.shape, np.int32)
    components(fill_holes=True).write(classes, objects, 3)
    assert np.array_equal(objects, components(fill_holes=True)(classes))
