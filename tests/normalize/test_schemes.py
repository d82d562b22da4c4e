import numpy as np
import pytest

from unet_lightning.error import InputError
from unet_lightning.normalize.base import normalize_image
from unet_lightning.normalize.schemes import Schemes

IMAGE = np.random.default_rng(0).integers(1, 250, (30, 20, 3)).astype(np.uint8)
CT = [-100.0, 120.0, 30.0, 8.0]


def apply(image, *schemes, ct=None):
    """The image normalised, (H, W, C)."""
    part = Schemes(schemes, ct)
    part.fit({"channels": image.shape[2]})
    numbers = part(image)
    return normalize_image(part.prepare(image, numbers), *numbers).numpy().transpose(1, 2, 0)


def test_every_scheme_by_its_formula_each_on_its_channel():
    image = np.concatenate([IMAGE, IMAGE[::-1], IMAGE[:, ::-1]], 2).astype(np.float32)[..., :5]
    found = apply(image, "zscore", "rescale", "rgb", "none", "ct", ct=[None, None, None, None, CT])
    channels = image.transpose(2, 0, 1).astype(np.float64)
    expected = [
        (channels[0] - channels[0].mean()) / channels[0].std(),
        (channels[1] - channels[1].min()) / np.ptp(channels[1]),
        channels[2] / 255,
        channels[3],
        (channels[4].clip(-100, 120) - 30) / 8,
    ]
    np.testing.assert_allclose(found.transpose(2, 0, 1), expected, rtol=1e-5, atol=1e-5)


def test_one_scheme_is_that_of_all_channels():
    assert np.array_equal(apply(IMAGE, "rescale"), apply(IMAGE, "rescale", "rescale", "rescale"))


def test_a_masked_score_is_that_of_the_pixels_where_any_channel_is_something():
    image = IMAGE[..., :2].astype(np.float32)
    image[:10] = 0
    image[15, :, 0] = 0  # a value, as the other channel is something
    found = apply(image, "masked_zscore", "zscore")
    assert (found[:10, :, 0] == 0).all()
    values = image[10:, :, 0].astype(np.float64)
    np.testing.assert_allclose(found[10:, :, 0], (values - values.mean()) / values.std(), rtol=1e-4, atol=1e-5)
    whole = image[..., 1].astype(np.float64)
    np.testing.assert_allclose(found[..., 1], (whole - whole.mean()) / whole.std(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scheme", ["zscore", "masked_zscore", "rescale", "rgb", "none"])
@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_stays_finite(scheme, value):
    assert np.isfinite(apply(np.full((4, 4, 1), value, np.uint8), scheme)).all()


@pytest.mark.parametrize("scheme", ["masked_zscore", "rescale", "rgb"])
def test_bands_of_a_large_image_give_what_the_whole_gives(scheme, monkeypatch):
    image = IMAGE * (np.arange(30) > 6)[:, None, None]
    whole = apply(image, scheme)
    monkeypatch.setattr("unet_lightning.normalize.base.BAND", 7 * 20 * 3)
    np.testing.assert_allclose(apply(image, scheme), whole, atol=1e-5)


def test_pixels_without_data_count_in_no_scheme():
    image = np.ma.array(IMAGE, mask=np.broadcast_to((np.arange(20) > 12)[None, :, None], IMAGE.shape))
    for scheme in ("zscore", "masked_zscore", "rescale"):
        part = Schemes([scheme], None)
        part.fit({"channels": 3})
        for found, expected in zip(part(image), part(IMAGE[:, :13]), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("schemes", "ct"),
    [
        (["ct"], None),
        (["zscore"], [CT]),
        (["ct", "zscore"], [CT]),
        (["ct"], [[120, -100, 30, 8]]),
        (["ct"], [[-100, 120, 30, -8]]),
    ],
)
def test_numbers_that_do_not_fit_the_schemes_are_refused(schemes, ct):
    with pytest.raises(InputError, match=r"normalize\.ct="):
        Schemes(schemes, ct)


def test_what_the_data_cannot_be_is_refused_before_training():
    with pytest.raises(InputError, match="for 3 channels; expected one for each"):
        Schemes(["zscore", "rgb"], None).fit({"channels": 3})
    with pytest.raises(InputError, match="values 0 to 4000 with the scheme rgb"):
        Schemes(["rgb"], None).fit({"channels": 3, "value_range": [0, 4000]})
    with pytest.raises(InputError, match="values -1 to 3"):
        apply(np.array([[[-1]], [[3]]], np.float32), "rgb")
