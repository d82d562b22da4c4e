"""Data modules of arrays: what is read of them, how they are divided, and what is refused."""

import re

import numpy as np
import pytest

from tests.arrays import SIDE, cells
from unet_lightning import build_data, build_data_from_arrays, build_loss, build_weight
from unet_lightning.config.part import origin_of
from unet_lightning.error import InputError
from unet_lightning.pipeline.cache.identity import reader_identity
from unet_lightning.record import Record, assign_splits

IMAGES, MASKS, INSTANCES = cells(10)
SMALL = {"num_workers": 0, "crop": 32}
PLACES = {"train": range(6), "val": [6, 7], "test": [8, 9]}


def data(images=IMAGES, masks=MASKS, **values):
    return build_data_from_arrays(images, masks, **{**SMALL, **values})


def samples(module):
    return [module.store[record] for record in module.dataset.records]


@pytest.mark.parametrize(
    ("images", "channels", "dtype"),
    [
        (IMAGES, 1, np.uint8),
        (IMAGES[..., None], 1, np.uint8),
        (np.repeat(IMAGES[..., None], 3, 3), 3, np.uint8),
        (IMAGES.astype(np.uint16) * 100, 1, np.uint16),
        (IMAGES / 255, 1, np.float32),
        (IMAGES.astype(">i4"), 1, np.float32),
        (list(IMAGES), 1, np.uint8),
        (IMAGES.transpose(0, 2, 1), 1, np.uint8),
    ],
)
def test_images_of_any_form_are_read_as_they_are(images, channels, dtype):
    masks = MASKS.transpose(0, 2, 1) if isinstance(images, np.ndarray) and images.strides[1] == 1 else MASKS
    module = data(images, masks)
    assert module.channels == channels
    for image, mask, sample in zip(images, masks, samples(module), strict=True):
        assert sample.image.dtype == dtype
        assert np.array_equal(
            sample.image.reshape(SIDE, SIDE, -1)[..., 0], image.reshape(SIDE, SIDE, -1)[..., 0].astype(dtype)
        )
        assert np.array_equal(sample.mask, mask)
        assert sample.valid.all()


def test_images_are_no_copies():
    assert all(np.shares_memory(sample.image, IMAGES) for sample in samples(data(cache_gb=0)))


LEFT_OUT = np.broadcast_to(np.indices((SIDE, SIDE))[1] < 20, IMAGES.shape)


@pytest.mark.parametrize("listed", [list, lambda stack: stack])
@pytest.mark.parametrize(("kind", "value"), [(np.uint8, 255), (np.float64, np.nan), (np.int32, -9999)])
def test_pixels_that_masked_images_leave_out_count_nowhere(listed, kind, value):
    images = np.ma.masked_array(np.where(LEFT_OUT, kind(value), IMAGES.astype(kind)), LEFT_OUT)
    module = data(listed(images), splits=PLACES)
    for k, (sample, image) in enumerate(zip(samples(module), IMAGES, strict=True)):
        rest = image[:, 20:].astype(float)
        assert np.array_equal(sample.nodata, LEFT_OUT[k])
        assert np.array_equal(sample.valid, ~LEFT_OUT[k])
        assert np.array_equal(sample.image[:, 20:, 0], image[:, 20:])
        assert np.allclose(sample.image[:, :20], rest.mean(), atol=0.5)
        assert not sample.mask[:, :20].any()
    trained = IMAGES[: len(PLACES["train"]), :, 20:]
    assert module.statistics.mean[0] == pytest.approx(trained.mean(), rel=1e-6)
    assert module.statistics.value_range == [trained.min(), trained.max()]


def test_a_channel_without_data_leaves_the_pixel_out():
    colours = np.repeat(IMAGES[..., None], 3, 3)
    where = np.zeros(colours.shape, bool)
    where[..., 1] = LEFT_OUT
    module = data(np.ma.masked_array(colours, where))
    assert all(np.array_equal(sample.nodata, LEFT_OUT[0]) for sample in samples(module))


@pytest.mark.parametrize("value", [0, 1, 77])
@pytest.mark.parametrize("listed", [list, lambda stack: stack])
def test_pixels_that_masked_labels_leave_out_count_nowhere(value, listed):
    masks, objects = (
        listed(np.ma.masked_array(np.where(LEFT_OUT, value, label), LEFT_OUT)) for label in (MASKS, INSTANCES)
    )
    for given in ({"masks": masks}, {"masks": None, "instances": objects}, {"masks": MASKS, "instances": objects}):
        for sample, mask, numbers in zip(samples(data(**given)), MASKS, INSTANCES, strict=True):
            assert np.array_equal(sample.valid, ~LEFT_OUT[0])
            assert np.array_equal(sample.mask, mask * ~LEFT_OUT[0])
            assert sample.nodata is None
            if sample.instances is not None:
                assert np.array_equal(sample.instances > 0, (numbers > 0) & ~LEFT_OUT[0])
                assert sample.instances.max() == len(np.unique(numbers[:, 20:])) - 1


def test_masked_labels_may_have_a_threshold_and_an_array_no_data_at_all():
    grey = np.ma.masked_array(np.where(LEFT_OUT, 200, MASKS * 255), LEFT_OUT)
    assert all((sample.mask[:, :20] == 0).all() for sample in samples(data(masks=grey, threshold=127)))
    assert all(np.array_equal(sample.valid, ~LEFT_OUT[0]) for sample in samples(data(masks=grey, threshold=127)))
    with pytest.raises(InputError, match=r"images\[2\]: no pixel holds data; take it out of the data set"):
        data([*IMAGES[:2], np.ma.masked_array(IMAGES[2], True), *IMAGES[3:]])


def test_images_of_different_sizes_are_a_list():
    module = data(
        [image[: 40 + k, : 50 - k] for k, image in enumerate(IMAGES)],
        [m[: 40 + k, : 50 - k] for k, m in enumerate(MASKS)],
    )
    assert [sample.mask.shape for sample in samples(module)] == [(40 + k, 50 - k) for k in range(10)]
    assert next(iter(module.train_dataloader()))["image"].shape == (16, 1, 32, 32)


@pytest.mark.parametrize("kind", [bool, np.int64, np.float32])
def test_masks_of_any_type_are_class_ids(kind):
    assert all(np.array_equal(s.mask, m) for s, m in zip(samples(data(masks=MASKS.astype(kind))), MASKS, strict=True))


def test_instances_alone_are_of_class_one_and_keep_their_numbers():
    module = build_data_from_arrays(IMAGES, instances=INSTANCES, **SMALL)
    for sample, objects in zip(samples(module), INSTANCES, strict=True):
        assert np.array_equal(sample.mask, objects > 0)
        assert len(np.unique(sample.instances)) == len(np.unique(objects))
        assert np.array_equal(sample.instances > 0, objects > 0)


def test_without_splits_the_rule_is_that_of_folders():
    wanted = assign_splits([Record(str(k), __file__) for k in range(10)], 4)
    assert [r.split for r in data(seed=4).dataset.records] == [r.split for r in wanted]
    assert [r.split for r in data(seed=5).dataset.records] != [r.split for r in wanted]


def test_splits_by_places_and_a_fifth_of_training_for_a_missing_val():
    module = data(splits={"train": [9, 0, 1], "val": np.array([2, 3]), "test": range(4, 9)})
    sides = [record.split for record in module.dataset.records]
    assert sides == ["train", "train", "val", "val", *["test"] * 5, "train"]
    missing = data(splits={"train": range(5), "test": range(5, 10)})
    assert [len(missing.dataset.split(name)) for name in ("train", "val", "test")] == [4, 1, 5]


def test_groups_stay_on_one_side():
    groups = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    sides = [record.split for record in data(groups=groups).dataset.records]
    assert sides[::2] == sides[1::2]
    assert {"train", "val", "test"} == set(sides)
    folds = [data(groups=range(10), fold=k, folds=5).dataset.split("test") for k in range(5)]
    assert sorted(record.id for fold in folds for record in fold) == [str(k) for k in range(10)]


def test_defaults_are_those_of_the_command_line():
    from tests.small import config

    node = origin_of(build_data_from_arrays(IMAGES, MASKS)).node
    plain = config("data=folder", "data.root=.")
    shared = node["data"].keys() & plain["data"].keys() - {"_target_"}
    assert plain["data"].keys() - shared == {
        "_target_",
        "root",
        "manifest",
        "colors",
        "channels",
        "boxes",
        "suffix",
        "variable",
        "axes",
    }
    assert {key: node["data"][key] for key in shared} == {key: plain["data"][key] for key in shared}
    assert {key: node[key] for key in node if key != "data"} == {key: plain[key] for key in node if key != "data"}


def test_a_set_by_its_name_is_that_of_the_command_line():
    from tests.small import config
    from unet_lightning.pipeline.build import build_data_module

    ours = build_data("synthetic", number=6, height=40, width=40, cells=4, crop=16, num_workers=0, seed=2)
    words = ["data.number=6", "data.height=40", "data.width=40", "data.cells=4", "data.crop=16", "data.num_workers=0"]
    other = build_data_module(config("data=synthetic", *words, "seed=2"))
    assert ours.statistics == other.statistics
    assert ours.dataset.records == other.dataset.records
    one, two = (next(iter(module.train_dataloader())) for module in (ours, other))
    assert one["image"].equal(two["image"])


def put(array, value):
    changed = array.copy()
    changed[0, 0, 0] = value
    return changed


WRONG = [
    ({"images": IMAGES[0]}, "images are of shape (64, 64); expected (N, H, W) or (N, H, W, C); give images[None]"),
    ({"images": IMAGES[None, None]}, "images are of shape (1, 1, 10, 64, 64); expected (N, H, W)"),
    ({"images": [*IMAGES[:9], IMAGES[9, 0]]}, "images[9] is of shape (64,); expected (H, W) or (H, W, C)"),
    ({"images": IMAGES + 1j}, "images[0] holds complex128; expected real numbers"),
    ({"images": IMAGES.astype(object)}, "images[0] holds object; expected real numbers"),
    ({"images": np.where(MASKS, np.nan, 1.0)}, "values that are NaN or infinite"),
    ({"masks": None}, "neither masks nor instances; expected at least one of them"),
    ({"masks": MASKS[:9]}, "10 images and 9 masks; expected as many"),
    ({"masks": MASKS[..., None]}, "masks are of shape (10, 64, 64, 1); expected (N, H, W)"),
    ({"masks": [*MASKS[:9], np.eye(2)[MASKS[9]]]}, "masks[9] is float64 of shape (64, 64, 2); expected whole numbers"),
    ({"masks": MASKS.astype(str)}, "masks[0] is str"),
    ({"masks": MASKS * 0.5}, "masks[0]: mask holds 0.5; expected whole numbers"),
    ({"masks": MASKS[:, :40]}, "mask is 40x64, its image is 64x64; expected equal sizes"),
    ({"images": np.moveaxis(np.repeat(IMAGES[..., None], 3, 3), 3, 1)}, "mask is 64x64, its image is 3x64"),
    ({"instances": -INSTANCES}, "expected 0 for background and 1, 2, … for objects"),
    ({"instances": INSTANCES[:1]}, "10 images and 1 instances; expected as many"),
    ({"groups": ["a"]}, "10 images and 1 groups; expected as many"),
    ({"splits": {"training": [0]}}, "splits names ['training']; expected of ['train', 'val', 'test']"),
    ({"splits": {"train": [0, 10]}}, "splits['train'] holds 10; expected places of images, 0 to 9"),
    ({"splits": {"train": [0.5]}}, "splits['train'] holds 0.5; expected places of images"),
    ({"splits": {"train": [0, 1], "val": [1]}}, "image 1 is in train and in val; expected one split"),
    ({"splits": {"train": [*range(8)]}}, "in no split: 2 images (8, 9); expected one for each image"),
    ({"crop": 0}, "data.crop=0: input should be greater than or equal to 1"),
    ({"crops": 3}, "data.crops is not a key: "),
    ({"root": "/my/set"}, "data.root is not a key: "),
    ({"seed": -1}, "seed=-1: expected 0 to 4294967295"),
    ({"normalize": build_weight()}, "normalize is a part of weight; expected one of normalize"),
    ({"normalize": len}, "normalize is a builtin_function_or_method; expected one of normalize"),
    ({"weight": build_loss()}, "weight is a part of loss; expected one of weight; give what build_weight returns"),
]


@pytest.mark.parametrize(("values", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_what_does_not_fit_is_said(values, said):
    with pytest.raises(InputError, match=re.escape(said)):
        data(**values)


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_images_are_divided_by_hand(number):
    with pytest.raises(InputError, match=r"give splits=\{'train': \[…\], 'val': \[…\]\}"):
        data(IMAGES[:number], MASKS[:number])
    assert data(IMAGES[:2], MASKS[:2], splits={"train": [0], "val": [1]}).statistics.images == 1


@pytest.mark.parametrize(
    ("masks", "said", "remedy"),
    [
        (MASKS * 255, "set 'data.label_values={0:0,255:1}'", {"label_values": {0: 0, 255: 1}}),
        (put(MASKS, 255), "set data.ignore=255", {"ignore": 255}),
        (put(MASKS * 255, 90), "set data.threshold=127", {"threshold": 127}),
        (put(MASKS, 2), "name all classes in data.classes", {"classes": ["background", "disc", "corner"]}),
    ],
)
def test_the_remedy_for_values_beyond_the_classes_mends_them(masks, said, remedy):
    with pytest.raises(InputError, match=re.escape(said)) as error:
        data(masks=masks)
    assert str(error.value).startswith("masks[0]: mask holds values {0, ")
    module = data(masks=masks, **remedy)
    assert len(module.dataset.classes) == len(remedy.get("classes", "ab"))
    ignored = [sample for sample in samples(module) if not sample.valid.all()]
    assert len(ignored) == ("ignore" in remedy)


def test_the_same_picture_in_two_splits_is_found():
    images = IMAGES.copy()
    images[1] = images[0]
    places = {"train": [0, *range(2, 8)], "val": [1], "test": [8, 9]}
    with pytest.raises(InputError, match=re.escape("images[0] (train) and images[1] (val)")):
        data(images, splits=places)
    with pytest.raises(InputError, match="keep each group in one split"):
        data(images, splits=places, groups=[0, 0, *range(2, 10)])
    assert data(images, splits={"train": range(8), "val": [8, 9]}).statistics.images == 8


def test_arrays_are_kept_neither_twice_nor_on_disk(tmp_path):
    module = data(cache_gb=0, cache_dir=str(tmp_path))
    assert not list(tmp_path.iterdir())
    assert len(module.store.kept) == 10
    resampled = data(cache_dir=str(tmp_path), pixel_size=1.0, resample=2.0)
    assert {sample.mask.shape for sample in samples(resampled)} == {(32, 32)}
    assert not resampled.dataset.in_memory
    assert reader_identity(resampled.dataset) is not None  # so that a large set may lie on disk
