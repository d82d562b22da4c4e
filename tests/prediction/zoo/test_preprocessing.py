"""The zoo's steps, computed by the formulas of its specification, and the graph's part do what training did."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.small import config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.normalize.base import normalize_image
from unet_lightning.normalize.schemes import Schemes
from unet_lightning.prediction.zoo.preprocessing import preprocessing
from unet_lightning.prediction.zoo.weights import Probabilities
from unet_lightning.tta.flip_rotate import FlipRotate

ALONE = FlipRotate(turns=False, mirrors=False)
CT = [60.0, 120.0, 90.0, 20.0]


def trained(part, channels, std, dtype="uint8"):
    statistics = {"mean": [3.0] * channels, "std": [std] * channels, "channels": channels, "dtype": dtype}
    part.fit(statistics)
    return SimpleNamespace(normalize=part, channels=channels, identity={"statistics": statistics})


def after(steps, image):
    """(C, h, w) after the steps, as the specification writes them."""
    for step in steps:
        given = step["kwargs"]
        if step["id"] == "scale_linear":
            image = image * given["gain"]
            continue
        assert given["axes"] == ["y", "x"]
        if step["id"] == "zero_mean_unit_variance":
            image = (image - image.mean((1, 2), keepdims=True)) / (image.std((1, 2), keepdims=True) + 1e-6)
        else:
            assert step["id"] == "scale_range"
            ends = [given["min_percentile"], given["max_percentile"]]
            low, high = np.percentile(image, ends, (1, 2), keepdims=True)
            image = (image - low) / (high - low + 1e-6)
    return image


def in_the_graph(fixed, image):
    """What the graph hands to the network, from the logarithm of a softmax over two channels."""
    seen = []
    module = Probabilities(nn.Identity(), lambda network, given: seen.append(given) or given, 1.0, 0, fixed)
    module(torch.from_numpy(image[None].astype(np.float32)))
    return seen[0][0].numpy()


def check(part, image, std, dtype="uint8"):
    model = trained(part, image.shape[2], std, dtype)
    steps, fixed = preprocessing(model)
    assert (fixed is None) == bool(steps)
    numbers = part(image)
    expected = normalize_image(part.prepare(image, numbers), *numbers).numpy()
    found = in_the_graph(fixed, after(steps, image.transpose(2, 0, 1).astype(np.float64)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["image", "percentile", "dataset", "window", "none"])
@pytest.mark.parametrize("scale", [1, 1e-6])
def test_it_is_the_normalisation_of_training(name, scale):
    image = (np.random.default_rng(0).random((20, 30, 3)) * 200 * scale).astype(np.float32)
    options = ["normalize.low=0", f"normalize.high={255 * scale:.9f}"] if name == "window" else []
    check(instantiate(config(f"normalize={name}", *options)["normalize"]), image, 60 * scale, "float32")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_normalisation_the_graph_divides_by_the_range_of_the_type(dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 6, 1)).astype(dtype)
    check(instantiate(config("normalize=none")["normalize"]), image, 60, np.dtype(dtype).name)


@pytest.mark.parametrize(
    ("schemes", "ct"),
    [(["zscore"], None), (["rescale"], None), (["rgb"], None), (["ct", "none", "rgb"], [CT, None, None])],
)
def test_schemes_of_nnunet(schemes, ct):
    image = np.random.default_rng(0).integers(0, 200, (20, 30, 3)).astype(np.uint8)
    check(Schemes(schemes, ct), image, 60)


def test_a_constant_channel_stays_finite():
    image = np.full((8, 8, 1), 0.1, np.float32)
    steps, fixed = preprocessing(trained(instantiate(config("normalize=image")["normalize"]), 1, 0.0))
    assert len(steps) == 1
    assert np.abs(in_the_graph(fixed, after(steps, image.transpose(2, 0, 1)))).max() < 0.1


@pytest.mark.parametrize(
    ("part", "dtype"),
    [
        (lambda: Schemes(["masked_zscore"], None), "uint8"),
        (lambda: Schemes(["zscore", "rgb"], None), "uint8"),
        (lambda: instantiate(config("normalize=percentile", "normalize.low=0", "normalize.high=0.5")["normalize"]), ""),
        (lambda: instantiate(config("normalize=none")["normalize"]), "uint16, uint8"),
    ],
)
def test_what_neither_the_zoo_nor_a_graph_can_do_is_refused_in_a_line(part, dtype):
    with pytest.raises(InputError, match="train with normalize=image, or export --to onnx") as caught:
        preprocessing(trained(part(), 2, 60, dtype))
    assert len(str(caught.value).splitlines()) == 1


def test_a_valid_network_gives_an_output_of_the_size_of_its_input():
    logits = torch.randn(2, 3, 4, 5)
    found = Probabilities(nn.Identity(), ALONE, 2.0, 6, None)(logits)
    assert found.shape == (2, 3, 16, 17)
    torch.testing.assert_close(found[..., 6:-6, 6:-6], (logits / 2).softmax(1))
    assert not found[..., :6, :].any()
    assert not found[..., -6:].any()
