"""The networks of plans have as many parameters as nnU-Net's own."""

import math

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from unet_lightning.config.compose import compose
from unet_lightning.plan.encoder import ENCODERS
from unet_lightning.plan.fingerprint import FLAT, Fingerprint
from unet_lightning.plan.network import network_choices
from unet_lightning.plan.page import override_text
from unet_lightning.plan.rules import plan_rules


def fingerprint(cases, shape, spacing, labels, channels=1):
    return Fingerprint(np.array([shape] * cases), np.array([spacing] * cases), ("zscore",) * channels, labels)


HIPPOCAMPUS = fingerprint(22, (34, 51, 35), (1.0, 1.0, 1.0), labels=3)
THICK_SLICES = fingerprint(12, (20, 512, 512), (5.0, 0.8, 0.8), labels=2)
CUBES = fingerprint(8, (200, 256, 256), (1.0, 1.0, 1.0), labels=2)
MICROGRAPHS = fingerprint(30, (1, 512, 512), (FLAT, 1.0, 1.0), labels=2)
NUCLEI = fingerprint(229, (1, 256, 320), (FLAT, 1.0, 1.0), labels=2, channels=3)


def network(found, name, encoder):
    configuration = plan_rules(found, ENCODERS[encoder], 8).configurations[name]
    config = compose([override_text(one.key, one.value) for one in network_choices(configuration, ENCODERS[encoder])])
    with torch.device("meta"):
        built = instantiate(config.model, in_channels=len(found.channels), classes=found.labels, _convert_="all")
    return configuration, built


@pytest.mark.parametrize(
    ("found", "name", "encoder", "expected"),
    [
        (HIPPOCAMPUS, "2d", "plain", 1_928_489),
        (HIPPOCAMPUS, "3d_fullres", "plain", 5_603_177),
        (THICK_SLICES, "3d_fullres", "plain", 44_249_676),
        (CUBES, "3d_fullres", "plain", 30_785_994),
        (MICROGRAPHS, "2d", "plain", 46_324_558),
        (NUCLEI, "2d", "plain", 33_472_396),
        (MICROGRAPHS, "2d", "residual_m", 140_017_038),
    ],
)
def test_the_networks_of_plans_have_as_many_parameters_as_nnunets(found, name, encoder, expected):
    configuration, built = network(found, name, encoder)
    assert sum(parameter.numel() for parameter in built.parameters()) == expected
    assert built.geometry.fit(configuration.topology.patch) == list(configuration.topology.patch)


def test_a_patch_passes_through_the_network_of_its_plan():
    configuration, built = network(THICK_SLICES, "3d_fullres", "plain")
    patch = configuration.topology.patch
    outputs = built.logits_by_level(torch.empty(1, 1, *patch, device="meta"))
    strides = configuration.topology.strides
    for level, logits in enumerate(outputs):
        divisors = [math.prod(stride[axis] for stride in strides[: level + 1]) for axis in range(3)]
        assert logits.shape == (1, 2, *(n // d for n, d in zip(patch, divisors, strict=True)))
    assert len(outputs) == len(strides) - 1
