import hashlib

import numpy as np
import pytest
import torch

from tests.conftest import build_unet
from tests.small import config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.normalize.schemes import Schemes
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.crops import CropDataset, CropSizes, Transforms
from unet_lightning.pipeline.foreground import Foreground
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample


def synthetic(*overrides):
    sizes = ["data.number=6", "data.height=48", "data.width=40", "data.cells=5", "data.crop=32", "data.batch_size=2"]
    data = build_data_module(config("data=synthetic", *sizes, *overrides))
    data.margin = 8
    return data


def epoch_hashes(workers, augment):
    loader = synthetic(f"data.num_workers={workers}", f"augment={augment}").train_dataloader()
    hashes = []
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        digest = hashlib.sha256()
        for batch in loader:
            for key in ("image", "mask", "weight"):
                digest.update(batch[key].numpy().tobytes())
        hashes.append(digest.hexdigest())
    return hashes


@pytest.mark.parametrize("augment", ["none", "rotate", "nnunet"])
def test_the_samples_are_the_same_for_any_number_of_workers_and_differ_between_epochs(augment):
    alone = epoch_hashes(0, augment)
    assert alone[0] != alone[1]
    assert epoch_hashes(2, augment) == alone
    assert epoch_hashes(4, augment) == alone


@pytest.mark.parametrize("augment", ["none", "flip", "rotate"])
def test_shapes_types_and_margin(augment):
    batch = next(iter(synthetic(f"augment={augment}", "data.num_workers=0").train_dataloader()))
    assert batch["image"].shape == (2, 1, 48, 48)
    assert batch["mask"].shape == batch["weight"].shape == (2, 32, 32)
    assert (batch["image"].dtype, batch["mask"].dtype, batch["weight"].dtype) == (
        torch.float32,
        torch.int64,
        torch.float32,
    )


def crops(sample, side, margin=0, augment="none", foreground=0.0, normalize="none", weight="none", ridge=0):
    plain = config(f"augment={augment}", f"normalize={normalize}", f"weight={weight}")
    transforms = Transforms(*(instantiate(plain[key]) for key in ("normalize", "augment", "weight")))
    record = Record("a", "a")
    dataset = DataSet((record,), ("background", "cell"), lambda _: sample)
    store = Store(dataset, transforms.normalize, cache_gb=1)
    sizes = CropSizes((side, side) if isinstance(side, int) else side, margin, ridge)
    return CropDataset([record], store, transforms, sizes, Foreground(foreground), seed=0)


def located(height, width):
    """A picture whose two channels are each pixel's row and column, its mask the row's parity."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    mask = (rows % 2).astype(np.uint8)
    return Sample(np.stack([rows, columns], 2), mask, np.ones(mask.shape, bool))


def test_mask_and_image_show_the_same_place_and_the_margin_true_neighbours():
    dataset = crops(located(64, 64), side=16, margin=4)
    for draw in range(20):
        item = dataset[0, draw, 0]
        rows = (item["image"][0] * 255).round().int()
        assert torch.equal(item["mask"], (rows[4:-4, 4:-4] % 2).long())
        top = rows[4, 0].item()
        expected = [abs(r) if r < 64 else 126 - r for r in range(top - 4, top + 20)]
        assert rows[:, 0].tolist() == expected


def test_an_image_smaller_than_the_crop_is_mirrored_there_and_weighs_nothing():
    item = crops(located(10, 12), side=16)[0, 0, 0]
    weight = item["weight"]
    assert weight.sum() == 120
    assert torch.equal(weight[3:13, 2:14], torch.ones(10, 12))
    assert (item["image"][0] * 255).round().int()[:, 5].tolist() == [3, 2, 1, *range(10), 8, 7, 6]


@pytest.mark.parametrize("augment", ["none", "rotate", "strong"])
@pytest.mark.parametrize("weight", ["none", "border"])
def test_oblong_crops_with_everything_around_them(augment, weight):
    sample = cells(60, 90, (5, 5, 40, 40), (30, 50, 58, 85))
    item = crops(sample, (24, 40), margin=4, augment=augment, weight=weight, ridge=1)[0, 3, 0]
    assert item["image"].shape == (1, 32, 48)
    assert item["mask"].shape == item["weight"].shape == (24, 40)


def test_oblong_crops_lie_evenly_wherever_they_fit():
    places = {tuple((crops(located(8, 9), (6, 4))[0, draw, 0]["image"][:, 0, 0] * 255).int()) for draw in range(300)}
    assert {tuple(map(int, place)) for place in places} == {(y, x) for y in range(3) for x in range(6)}


def test_a_network_takes_oblong_crops_rounded_up_to_its_sizes():
    data = synthetic("data.num_workers=0", "data.crop=[30,17]")
    data.fit_geometry(build_unet().geometry)
    assert data.crop == (32, 20)
    assert next(iter(data.train_dataloader()))["mask"].shape == (2, 32, 20)


def test_beyond_the_image_a_normalised_crop_is_zero_where_it_is_asked_for():
    plain = config("augment=none", "augment.border=zero")
    dataset = crops(located(10, 12), side=(16, 20), margin=2, normalize="image")
    mirrored = dataset[0, 0, 0]
    dataset.augment = instantiate(plain["augment"])
    item = dataset[0, 0, 0]
    expected = torch.zeros(2, 20, 24)
    expected[:, 5:15, 6:18] = mirrored["image"][:, 5:15, 6:18]
    assert torch.equal(item["image"], expected)
    assert torch.equal(item["weight"], mirrored["weight"])
    assert item["weight"].sum() == 120


def schemes(dataset, augment, *names, ct=None):
    """A data set of crops of one sample, its channels normalised by nnU-Net's schemes."""
    dataset.normalize = dataset.store.normalize = Schemes(names, ct)
    dataset.augment = instantiate(config(f"augment={augment}")["augment"])
    return dataset


def test_where_a_masked_image_holds_nothing_it_stays_zero_whatever_is_done_to_it():
    grey = np.zeros((60, 60, 2), np.float32)
    grey[:, 30:] = np.random.default_rng(0).normal(500, 9, (60, 30, 2))
    sample = Sample(grey, (grey[..., 0] > 0).astype(np.uint8), np.ones((60, 60), bool))
    dataset = schemes(crops(sample, 32), "nnunet", "masked_zscore", "zscore")
    for draw in range(40):
        item = dataset[0, draw, 0]
        empty = (item["mask"] == 0) & (item["weight"] > 0)
        assert (item["image"][0][empty] == 0).all()
        assert item["image"][0].abs().max() < 8  # what is interpolated at the edge isn't far below all values


def test_a_value_is_cut_off_before_its_crop_is_turned():
    grey = np.zeros((60, 60, 1), np.float32)
    grey[::2] = 1e6
    sample = Sample(grey, np.zeros((60, 60), np.uint8), np.ones((60, 60), bool))
    dataset = schemes(crops(sample, 32), "rotate", "ct", ct=[[0, 10, 0, 1]])
    found = torch.cat([dataset[0, draw, 0]["image"] for draw in range(10)])
    assert 0 <= found.min() < found.max() <= 10
    assert found.mean() == pytest.approx(5, abs=0.5)  # and not 10, as of interpolated millions


def test_what_a_rotated_crop_reads_beyond_the_image_is_zero_and_weighs_nothing():
    plain = config("augment=nnunet", "augment.warp.rotation_probability=1")
    plain["augment"]["intensity"] = {}
    dataset = crops(cells(40, 40, (0, 0, 40, 40)), side=40)  # one value, which normalises to 100 / 255
    dataset.augment = instantiate(plain["augment"])
    shares = []
    for draw in range(20):
        item = dataset[0, draw, 0]
        assert torch.equal(item["image"][0] == 0, item["weight"] == 0)
        shares.append((item["weight"] == 0).float().mean().item())
    assert 0.05 < np.mean(shares) < 0.5


def test_rotation_keeps_image_and_mask_together():
    height = 96
    mask = np.zeros((height, height), np.uint8)
    mask[30:70, 40:60] = 1
    sample = Sample((200 * mask + 20)[..., None], mask, np.ones(mask.shape, bool))
    dataset = crops(sample, side=64, augment="rotate")
    agree = []
    for draw in range(20):
        item = dataset[0, draw, 0]
        agree.append(((item["image"][0] > 120 / 255).long() == item["mask"]).float().mean().item())
    assert min(agree) > 0.99


def test_a_rotated_crop_reads_true_neighbours_and_weighs_what_is_mirrored_zero():
    """A picture whose values are its own coordinates tells where every pixel was read."""
    dataset = crops(located(200, 200), side=64, margin=8, augment="rotate")
    checked = 0
    for draw in range(30):
        item = dataset[0, draw, 0]
        rows, columns = (item["image"] * 255).numpy()
        centre = rows[39:41, 39:41].mean(), columns[39:41, 39:41].mean()
        distance = np.hypot(*(np.mgrid[:80, :80] - 39.5))
        if min(*centre, *(199 - np.array(centre))) > 58:  # the crop lies inside the picture, however it is turned
            read = np.hypot(rows - centre[0], columns - centre[1])
            np.testing.assert_allclose(read, distance, atol=1.0)  # of rounding to whole grey values
            assert item["weight"].min() == 1
            checked += 1
    assert checked > 3
    dataset = crops(located(70, 70), side=64, augment="rotate")
    for draw in range(30):
        item = dataset[0, draw, 0]
        rows, columns = (item["image"] * 255).numpy()
        outside = item["weight"].numpy() == 0
        middle = np.hypot(*(np.mgrid[:64, :64] - 31.5)) < 30
        assert not (outside & middle).any()
        if outside.any():
            assert np.minimum.reduce([rows, columns, 69 - rows, 69 - columns])[outside].mean() < 15


def test_foreground_crops_contain_an_object():
    mask = np.zeros((200, 200), np.uint8)
    mask[150:153, 20:23] = 1
    sample = Sample(mask[..., None], mask, np.ones(mask.shape, bool))
    assert all(crops(sample, 32, foreground=1.0)[0, draw, 0]["mask"].any() for draw in range(30))
    assert not all(crops(sample, 32, foreground=0.0)[0, draw, 0]["mask"].any() for draw in range(30))


def test_ignored_pixels_weigh_nothing_and_attract_no_crops():
    mask = np.zeros((64, 64), np.uint8)
    mask[40:44, 40:44] = 1
    valid = mask == 0
    item = crops(Sample(mask[..., None], mask, valid), 64, foreground=1.0)[0, 0, 0]
    assert item["weight"].sum() == valid.sum()


def test_normalisation_uses_the_whole_image_not_the_crop():
    image = np.zeros((64, 64, 1), np.uint8)
    image[:, :32] = 100
    sample = Sample(image, np.zeros((64, 64), np.uint8), np.ones((64, 64), bool))
    values = set()
    for draw in range(20):
        values |= set(crops(sample, 16, normalize="image")[0, draw, 0]["image"].unique().tolist())
    assert values == {-1.0, 1.0}


def test_the_pipelines_margin_is_the_networks():
    network = build_unet(convolution="valid")
    data = synthetic("data.num_workers=0")
    data.fit_geometry(network.geometry)
    batch = next(iter(data.train_dataloader()))
    assert network(batch["image"]).shape[-2:] == batch["mask"].shape[-2:]


def cells(height, width, *boxes):
    instances = np.zeros((height, width), np.int32)
    for label, (top, left, bottom, right) in enumerate(boxes, 1):
        instances[top:bottom, left:right] = label
    mask = (instances > 0).astype(np.uint8)
    return Sample(mask[..., None] * 100, mask, np.ones(mask.shape, bool), instances)


def test_a_cell_outside_the_crop_counts_for_the_border_weight_and_a_mirrored_one_does_not():
    near = cells(64, 80, (0, 20, 64, 34), (0, 38, 64, 60))
    alone = cells(64, 80, (0, 20, 64, 34))
    for sample, expected in ((near, True), (alone, False)):
        dataset = crops(sample, 16, weight="border")
        dataset._place = lambda *_: (24, 21)  # columns 21..36: the first cell, a gap of three, no second cell
        weight = dataset[0, 0, 0]["weight"]
        assert bool(weight.max() > 5) == expected
    edge = cells(64, 64, (0, 2, 64, 20))  # its mirror image beyond column 0 would be a close second cell
    dataset = crops(edge, 16, weight="border")
    dataset._place = lambda *_: (20, 0)
    assert dataset[0, 0, 0]["weight"].max() == 1


def test_the_ridge_parts_the_target_and_leaves_the_original_labels_alone():
    sample = cells(32, 32, (8, 4, 24, 16), (8, 16, 24, 28))
    cut, whole = (crops(sample, 32, ridge=width)[0, 0, 0]["mask"] for width in (1, 0))
    assert whole[10].tolist() == sample.mask[10].tolist()
    assert cut[10, 15:17].tolist() == [0, 0]
    assert cut.sum() == whole.sum() - 2 * 16
    assert sample.mask[10, 15] == 1


def test_the_ridge_between_touching_cells_carries_their_border_weight():
    sample = cells(48, 48, (8, 4, 40, 24), (8, 24, 40, 44))
    item = crops(sample, 48, weight="border", ridge=1)[0, 0, 0]
    assert item["mask"][24, 22:26].tolist() == [1, 0, 0, 1]
    expected = 1 + 10 * np.exp(-((1 + 2) ** 2) / 50)  # one pixel from its own cell, two from the other
    assert item["weight"][24, 23:25].tolist() == pytest.approx([expected, expected], abs=1e-4)
    assert item["weight"][24, 22] == 1


def test_without_instances_the_pieces_of_the_whole_picture_are_the_cells():
    arms = np.zeros((64, 80), np.uint8)
    arms[10:14, 4:60] = arms[50:54, 4:60] = arms[10:54, 4:8] = 1  # one cell whose arms join outside the crop
    sample = Sample(arms[..., None] * 100, arms, arms < 2)
    dataset = crops(sample, 32, weight="border")
    dataset._place = lambda *_: (16, 30)
    assert dataset[0, 0, 0]["weight"].max() == 1
    edge = np.zeros((64, 64), np.uint8)
    edge[:, 2:20] = 1
    dataset = crops(Sample(edge[..., None], edge, edge < 2), 16, weight="border")
    dataset._place = lambda *_: (20, 0)
    assert dataset[0, 0, 0]["weight"].max() == 1
    two = np.zeros((32, 32), np.uint8)
    two[:, 4:12] = two[:, 16:24] = 1
    assert crops(Sample(two[..., None], two, two < 2), 32, weight="border")[0, 0, 0]["weight"].max() > 6


@pytest.mark.parametrize("augment", ["rotate", "elastic", "strong"])
def test_the_weight_does_not_change_the_picture(augment):
    sample = cells(90, 90, (5, 5, 40, 40), (50, 10, 80, 85), (10, 50, 40, 80))
    plain, border = (crops(sample, 48, augment=augment, weight=weight) for weight in ("none", "border"))
    for draw in range(10):
        a, b = plain[0, draw, 0], border[0, draw, 0]
        np.testing.assert_allclose(a["image"], b["image"], atol=0.01)
        assert (a["mask"] == b["mask"]).float().mean() > 0.999


def test_under_sampling_draws_anew_each_time_and_alike_for_the_same_draw():
    dataset = crops(cells(32, 32, (8, 8, 12, 12)), 32, weight="undersample")
    dataset.weight.fit({"class_pixels": [1008, 16]})
    first, again, other = dataset[0, 0, 0]["weight"], dataset[0, 0, 0]["weight"], dataset[0, 1, 0]["weight"]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.sum() < 80


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("augment", ["elastic", "paper", "strong", "nnunet"])
def test_every_augmentation_takes_every_kind_of_image(dtype, channels, augment):
    image = np.random.default_rng(0).integers(0, 250, (50, 40, channels)).astype(dtype)
    mask = (image[..., 0] > 128).astype(np.uint8)
    sample = Sample(image, mask, np.ones(mask.shape, bool), mask.astype(np.int32))
    for draw in range(8):
        item = crops(sample, 24, margin=4, augment=augment, normalize="image")[0, draw, 0]
        assert item["image"].shape == (channels, 32, 32)
        assert item["image"].isfinite().all()
        assert set(item["mask"].unique().tolist()) <= {0, 1}


def test_grey_values_change_and_labels_do_not():
    sample = located(40, 40)
    plain, grey = (crops(sample, 32, augment=name) for name in ("elastic", "paper"))
    changed = 0
    for draw in range(10):
        a, b = plain[0, draw, 0], grey[0, draw, 0]
        assert torch.equal(a["mask"], b["mask"])
        changed += not torch.allclose(a["image"], b["image"])
    assert changed >= 4


def test_transforms_are_drawn_independently_of_each_other():
    import albumentations as A

    from unet_lightning.augment.compose import seed

    compose = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    image = np.arange(4, dtype=np.uint8).reshape(2, 2)
    seen = set()
    for draw in range(60):
        seed(compose, np.random.default_rng(draw))
        seen.add(compose(image=image)["image"].tobytes())
    assert len(seen) == 4


def test_instances_and_mask_stay_consistent_under_deformation():
    sample = cells(260, 260, (80, 80, 130, 130), (140, 90, 180, 185), (90, 140, 130, 180))
    seen = []
    dataset = crops(sample, 64, augment="elastic")
    dataset._place = lambda *_: (98, 98)  # far from the border, beyond which mirrored cells are no cells
    dataset.weight = type(
        "Spy",
        (),
        {
            "reach": 0,
            "needs_objects": False,
            "__call__": lambda self, m, i, r: seen.append((m, i)) or np.ones(m.shape),
        },
    )()
    for draw in range(10):
        dataset[0, draw, 0]
    assert len(seen) == 10
    assert all(np.array_equal(mask > 0, instances > 0) for mask, instances in seen)
