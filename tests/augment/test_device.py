"""Images that the device reads against those of the loader, on the processor."""

import cv2
import numpy as np
import pytest
import torch

from tests.augment.test_intensity import ALL, NAMES
from tests.small import CELLS, QUIET, config
from unet_lightning.augment.device import resample, unread
from unet_lightning.augment.low_resolution import LowResolution
from unet_lightning.augment.warp import Region, Warp, locate, sample_at
from unet_lightning.config.check import check
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.tiling.window import window


def warped(side):
    """A turned, scaled and deformed map of a crop of 32x32 whose corner is at a pixel of the picture."""
    return Warp(True, 180, (0.7, 1.4), 5, 3, 1)(Region(side, side, 32, 32), 0, np.random.default_rng(side + 9))


def smooth(height, width, channels):
    """A picture of waves, whose values differ by 0.3 at most from pixel to pixel."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(rows / (5 + c)) + np.cos(columns / (7 + c)) for c in range(channels)]
    return np.stack(waves, 2)


@pytest.mark.parametrize("part", ALL, ids=NAMES)
@pytest.mark.parametrize("shape", [(3, 20, 31), (2, 5, 3), (1, 1, 2)])
def test_a_change_of_values_is_the_same_for_tensors(part, shape):
    image, same = np.random.default_rng(0).normal(1, 2, shape).astype(np.float32), []
    for seed in range(5):
        drawn = part.draw(shape, np.random.default_rng(seed))
        there = torch.from_numpy(drawn) if isinstance(drawn, np.ndarray) else drawn
        found = part.change(torch.from_numpy(image), there).numpy()
        same.append(np.isclose(found, part.change(image, drawn), rtol=1e-4, atol=1e-4))
    assert np.mean(same) >= (0.95 if isinstance(part, LowResolution) else 1)  # nearest pixels: ties fall to either side


def test_a_plane_is_read_at_any_place_between_its_pixels():
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing="ij")
    where = torch.rand(2, 2, 5, 5) * torch.tensor([8.0, 6.0])[:, None, None]
    found = resample((2 * rows - 3 * columns).expand(2, 1, 9, 7), where)
    torch.testing.assert_close(found[:, 0], 2 * where[:, 0] - 3 * where[:, 1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("corner", [-9, 4, 30])  # beyond the picture, within it, beyond it again
def test_a_picture_is_read_as_the_loader_reads_it(corner, channels):
    image, where = smooth(50, 45, channels), warped(corner)
    numbers = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    crop = unread(image, where, numbers, (None, None), [])
    expected = sample_at(image, locate(where), cv2.INTER_LINEAR).transpose(2, 0, 1)
    found = resample(crop.part[None], crop.where[None])[0]
    assert np.abs(found.numpy() - expected).max() < 2 * 0.3 / 64  # OpenCV rounds coordinates to 1/32 of a pixel
    whole = window(image, *locate(where).box)  # and the part is the picture, mirrored
    assert np.array_equal(crop.part.numpy().transpose(1, 2, 0), whole)


def batches(augment_on, *options):
    """The first batches of an epoch of coloured cells, each image on the device."""
    wide = [option for option in CELLS if "crop" not in option]
    data = build_data_module(
        config(
            *wide,
            *QUIET,
            "data.number=8",
            "data.crop=28",
            "data.batch_size=4",
            f"data.augment_on={augment_on}",
            *options,
        )
    )
    data.margin = 2
    return [data.on_after_batch_transfer(batch, 0) for batch, _ in zip(data.train_dataloader(), range(4), strict=False)]


NNUNET = ["augment=nnunet", "normalize=nnunet", "normalize.schemes=[masked_zscore]"]


@pytest.mark.parametrize(
    ("options", "most"),  # the loader rounds grey values to whole numbers where it reads between pixels
    [
        (["augment=none"], 1e-5),
        (["augment=rotate", "weight=border"], 0.03),
        ([*NNUNET, "~augment.intensity.low_resolution"], 1e-4),  # whose ties fall to either side
        (["augment=elastic", "data.num_workers=1"], 0.03),
    ],
)
def test_batches_of_the_device_are_those_of_the_loader(options, most):
    for expected, found in zip(batches("loader", *options), batches("device", *options), strict=True):
        for key in ("mask", "weight"):
            assert torch.equal(found[key], expected[key])
        assert found["id"] == expected["id"]
        assert (found["image"] - expected["image"]).abs().max() < most * expected["image"].std()


def test_transforms_that_only_the_loader_runs_are_refused():
    with pytest.raises(InputError) as caught:
        config("data=synthetic", "augment=strong", "data.augment_on=device")
    assert str(caught.value).startswith("data.augment_on=device: augment.photometric hold")
    assert "\n" not in str(caught.value)
    check(config("data=synthetic", "augment=elastic", "data.augment_on=device"))
