import numpy as np

from unet_lightning.weight.balanced import Balanced
from unet_lightning.weight.border import Border
from unet_lightning.weight.none import Uniform
from unet_lightning.weight.product import Product


def test_factors_multiply_and_the_furthest_reach_counts():
    border, balanced = Border(Uniform(), 10, 5), Balanced("given", 0.0, [2.0, 5.0])
    product = Product({"a": border, "b": balanced})
    product.fit({"class_pixels": [1, 1]})
    mask = np.zeros((8, 9), np.uint8)
    mask[:, 0] = mask[:, 8] = 1
    instances = mask.astype(np.int32)
    instances[:, 8] = 2
    random = np.random.default_rng(0)
    expected = border(mask, instances, random) * np.array([2, 5])[mask]
    np.testing.assert_allclose(product(mask, instances, random), expected)
    assert product.reach == border.reach
