"""Each change of values against a formula of its own, and how often it happens."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import binom, kstest

from tests.small import config
from unet_lightning.augment.blur import GaussianBlur
from unet_lightning.augment.brightness import Brightness
from unet_lightning.augment.contrast import Contrast
from unet_lightning.augment.gamma import Gamma
from unet_lightning.augment.interval import around_one, interval
from unet_lightning.augment.low_resolution import LowResolution
from unet_lightning.augment.noise import GaussianNoise
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError

IMAGE = np.random.default_rng(0).normal(1, 2, (3, 20, 30)).astype(np.float32)
ALL = [
    GaussianNoise(1, (0, 0.1)),
    GaussianBlur(1, (0.5, 1), 0.5),
    Brightness(1, (0.75, 1.25)),
    Contrast(1, (0.75, 1.25)),
    LowResolution(1, (0.5, 1), 0.5),
    Gamma(1, (0.7, 1.5), negated=False),
    Gamma(1, (0.7, 1.5), negated=True),
]
NAMES = ["noise", "blur", "brightness", "contrast", "low_resolution", "gamma", "negated_gamma"]


def within(number, draws, share):
    low, high = binom.interval(1 - 1e-6, draws, share)
    return low <= number <= high


def changed(part, image, random):
    """The change without the chance that it happens."""
    return part.change(image, part.draw(image.shape, random))


@pytest.mark.parametrize("part", ALL, ids=NAMES)
def test_the_same_numbers_give_the_same_image_and_the_given_one_stays(part):
    before = IMAGE.copy()
    one, other = (part(IMAGE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, other)
    assert np.array_equal(IMAGE, before)
    assert one.dtype == np.float32
    assert one.shape == IMAGE.shape


@pytest.mark.parametrize("part", ALL, ids=NAMES)
def test_a_constant_image_stays_finite(part):
    assert np.isfinite(part(np.full((2, 8, 9), 3, np.float32), np.random.default_rng(0))).all()


def test_the_share_of_samples_is_the_probability():
    part = Brightness(0.15, (0.75, 1.25))
    changed = sum(part(IMAGE, np.random.default_rng(seed)) is not IMAGE for seed in range(3000))
    assert within(changed, 3000, 0.15)


def test_factors_lie_as_often_above_one_as_below_and_evenly_on_either_side():
    found = around_one(0.7, 1.5, 20000, np.random.default_rng(0)).ravel()
    assert within((found > 1).sum(), 20000, 0.5)
    assert kstest(found[found < 1], "uniform", (0.7, 0.3)).pvalue > 1e-4
    assert kstest(found[found > 1], "uniform", (1, 0.5)).pvalue > 1e-4


def test_noise_is_the_same_in_all_channels_and_has_deviations_up_to_a_tenth():
    found = []
    for seed in range(300):
        noise = changed(GaussianNoise(1, (0, 0.1)), IMAGE, np.random.default_rng(seed)) - IMAGE
        np.testing.assert_allclose(noise[0], noise[2], atol=1e-5)
        found.append(noise[0].std())
    assert max(found) < 0.11
    assert kstest(found, "uniform", (0, 0.1)).pvalue > 1e-4


def test_blur_is_scipys():
    found = changed(GaussianBlur(1, (0.8, 0.8), 1), IMAGE, np.random.default_rng(0))
    for channel, expected in zip(found, IMAGE, strict=True):
        np.testing.assert_allclose(channel, gaussian_filter(expected, 0.8, mode="mirror", truncate=4), atol=2e-3)


def test_blur_and_low_resolution_take_half_of_the_channels():
    many = np.random.default_rng(0).normal(size=(400, 6, 6)).astype(np.float32)
    for part in (GaussianBlur(1, (0.9, 1), 0.5), LowResolution(1, (0.5, 0.6), 0.5)):
        found = (changed(part, many, np.random.default_rng(1)) != many).any((1, 2)).sum()
        assert within(found, 400, 0.5)


def test_brightness_multiplies_each_channel():
    ratio = changed(Brightness(1, (0.75, 1.25)), IMAGE, np.random.default_rng(0)) / IMAGE
    factors = ratio.mean((1, 2))
    np.testing.assert_allclose(ratio, np.broadcast_to(factors[:, None, None], ratio.shape), rtol=1e-4)
    assert len(set(factors)) == 3
    assert (np.abs(factors - 1) <= 0.25).all()


def test_contrast_worked_by_hand():
    image = np.array([[[0, 4, 8]]], np.float32)
    assert changed(Contrast(1, (0.5, 1)), image, _below()).tolist() == [[[2, 4, 6]]]
    assert changed(Contrast(1, (1, 2)), image, np.random.default_rng(0)).max() == 8  # no further than before


def test_low_resolution_is_torchs_resizing():
    found = changed(LowResolution(1, (0.6, 0.6), 1), IMAGE, np.random.default_rng(0))
    resize = torch.nn.functional.interpolate
    small = resize(torch.from_numpy(IMAGE)[None], size=(12, 18), mode="nearest-exact")
    np.testing.assert_allclose(found, resize(small, size=(20, 30), mode="bilinear")[0], atol=1e-4)


@pytest.mark.parametrize("negated", [False, True])
def test_gamma_keeps_mean_and_deviation_and_is_the_power(negated):
    found = changed(Gamma(1, (0.5, 1), negated), IMAGE, _below())
    np.testing.assert_allclose(found.mean((1, 2)), IMAGE.mean((1, 2)), atol=1e-4)
    np.testing.assert_allclose(found.std((1, 2)), IMAGE.std((1, 2)), rtol=1e-4)
    signed = -IMAGE[1] if negated else IMAGE[1]
    root = np.sqrt((signed - signed.min()) / np.ptp(signed))
    expected = (root - root.mean()) / root.std() * signed.std() + signed.mean()
    np.testing.assert_allclose(found[1], -expected if negated else expected, atol=1e-3)


def test_an_interval_the_other_way_round_is_refused():
    with pytest.raises(InputError, match=r"write the smaller number first: \[0.5, 1\]"):
        interval([1, 0.5])


@pytest.mark.parametrize("values", [(1.1, 1.5), (0.5, 0.9)])
@pytest.mark.parametrize("part", [Brightness, Contrast, partial(Gamma, negated=False)])
def test_factors_on_one_side_of_one_are_refused_before_training(part, values):
    with pytest.raises(InputError, match=r"(factor|exponent)=.*: expected 1 between both"):
        part(1, values)


def test_the_list_of_nnunet_is_in_its_order_with_its_shares_and_independent():
    augment = instantiate(config("augment=nnunet")["augment"])
    assert [type(part).__name__ for part in augment.intensity] == [
        *("GaussianNoise", "GaussianBlur", "Brightness", "Contrast", "LowResolution", "Gamma", "Gamma")
    ]
    applied = []
    for seed in range(2000):
        done = []
        for k, part in enumerate(augment.intensity):
            part.change = lambda image, drawn, k=k, done=done: done.append(k) or image
        augment.on_normalized(IMAGE, np.ones((20, 30), np.uint8), lambda _, seed=seed: np.random.default_rng(seed))
        applied.append([k in done for k in range(7)])
    applied = np.array(applied)
    for share, found in zip((0.1, 0.2, 0.15, 0.15, 0.25, 0.1, 0.3), applied.sum(0), strict=True):
        assert within(found, 2000, share)
    assert within((applied[:, 4] & applied[:, 6]).sum(), 2000, 0.25 * 0.3)


def _below():
    """A generator whose every choice is the lower one."""
    return type("Lowest", (), {"uniform": lambda _, low=0.0, high=1.0, size=None: np.full(size or (), low)})()
