"""The README's program makes the classes and objects that the product makes of the same probabilities."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from unet_lightning.model.geometry import Geometry
from unet_lightning.postprocess.rims import Rims
from unet_lightning.prediction.zoo.program import program
from unet_lightning.target.boundary import Boundary


def differing(found, expected):
    """The share of pixels where two label pictures (H, W) differ, whatever the numbers of their objects."""
    pairs, numbers = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1, return_counts=True)
    partners = {}
    for one, other in pairs.T[np.argsort(-numbers, kind="stable")].tolist():
        if (one == 0) == (other == 0) and one not in partners and other not in partners.values():
            partners[one] = other
    alike = [
        number for (one, other), number in zip(pairs.T.tolist(), numbers, strict=True) if partners.get(one) == other
    ]
    return 1 - sum(alike) / found.size


def test_label_pictures_are_compared_by_their_objects():
    one = np.array([[0, 1, 1, 2]])
    assert differing(one, np.array([[0, 7, 7, 3]])) == 0
    assert differing(one, np.array([[0, 1, 1, 1]])) == 0.25
    assert differing(one, np.array([[5, 1, 1, 2]])) == 0.25


@pytest.mark.parametrize("reach", [0, 1, 3])
@pytest.mark.parametrize("min_size", [0, 30])
@pytest.mark.parametrize("classes", [2, 3])
def test_objects_grow_into_their_rims_as_in_the_product(classes, min_size, reach):
    noise = np.random.default_rng(reach).normal(size=(2 * classes - 1, 80, 90))
    outputs = torch.from_numpy(20 * gaussian_filter(noise, (0, 2, 2)))
    expected = Rims(min_size, False, False, 0, False, reach)(Boundary(1).ids(outputs).numpy())
    predictor = SimpleNamespace(
        models=[SimpleNamespace(network=SimpleNamespace(geometry=Geometry(4, "same")))],
        classes=["background", "cell", "debris"][:classes],
        channels=1,
        outputs=2 * classes - 1,
        config={"postprocess": {"reach": reach, "min_size": min_size}},
    )
    _, lines = program(predictor).split("# (5, y, x)\n" if classes == 3 else "# (3, y, x)\n")
    names = {"np": np, "probabilities": outputs.softmax(0).numpy()}
    exec(lines, names)
    assert np.array_equal(names["labels"], Boundary(1).scores(outputs).argmax(0))
    assert expected.max() > 5
    assert differing(names["objects"], expected) == 0
