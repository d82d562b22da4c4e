"""nnU-Net's own plans of 18 data sets, field by field, and its figures worked by hand."""

import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from unet_lightning.plan.augmentation import rotation
from unet_lightning.plan.encoder import ENCODERS
from unet_lightning.plan.fingerprint import Case, Fingerprint, foreground_intensities, measure
from unet_lightning.plan.rejected import rejected
from unet_lightning.plan.rules import plan_rules
from unet_lightning.plan.table import times
from unet_lightning.plan.topology import find_topology

SHARED = Path(os.environ.get("UNET_LIGHTNING_DATA", "/nowhere"))
PLANS = json.loads((SHARED / "nnunet/plans.json").read_text()) if (SHARED / "nnunet/plans.json").is_file() else {}
SETS = [(name, preset) for name, plans in PLANS.items() for preset in plans if preset != "fingerprint"]
PRESETS = {"default8": ("plain", 8), "M8": ("residual_m", 8), "L24": ("residual_l", 24), "XL40": ("residual_xl", 40)}
NORMALIZATIONS = {
    **{"CTNormalization": "ct", "ZScoreNormalization": "zscore", "NoNormalization": "none"},
    **{"RescaleTo01Normalization": "rescale", "RGBTo01Normalization": "rgb"},
}


def stored(name):
    """The fingerprint of a set as nnU-Net stored it."""
    found = json.loads((SHARED / f"nnunet/fingerprints/{name}.json").read_text())
    fingerprint, channels = found["fingerprint"], tuple(found["dataset"]["channel_names"].values())
    shapes, spacings = np.array(fingerprint["shapes_after_crop"]), np.array(fingerprint["spacings"])
    labels, ratio = len(found["dataset"]["labels"]), fingerprint["median_relative_size_after_cropping"]
    return Fingerprint(shapes, spacings, channels, labels, ratio)


@pytest.mark.parametrize(("name", "preset"), SETS)
def test_plans_are_nnunets_in_every_field(name, preset):
    expected = PLANS[name][preset]
    encoder, memory_gb = PRESETS[preset]
    plan = plan_rules(stored(name), ENCODERS[encoder], memory_gb)
    backward = [plan.transpose.index(axis) for axis in range(3)]
    assert [list(plan.transpose), backward] == [expected["transpose_forward"], expected["transpose_backward"]]
    assert list(plan.spacing) == pytest.approx(expected["orig_spacing"], rel=1e-12)
    assert list(plan.shape) == expected["orig_shape"]
    cascade = {"3d_cascade_fullres"} if "3d_lowres" in plan.configurations else set()
    assert set(plan.configurations) | cascade == set(expected["configs"])
    for key, found in plan.configurations.items():
        wanted, turned = expected["configs"][key], rotation(found.topology.patch)
        assert {
            "spacing": list(found.spacing),
            "median": list(found.median),
            "patch": list(found.topology.patch),
            "batch": found.batch,
            "memory_only_batch": found.memory_batch,
            "estimate": found.elements,
            "reference": found.reference,
            "ref_batch": found.reference_batch,
            "strides": [list(stride) for stride in found.topology.strides],
            "kernels": [list(kernel) for kernel in found.topology.kernels],
            "features": list(found.channels),
            "blocks": list(ENCODERS[encoder].blocks_of(len(found.channels))),
            "dec": [ENCODERS[encoder].decoder] * (len(found.channels) - 1),
            "norm": list(plan.normalization),
            "mask": list(plan.masked),
            "batch_dice": found.batch_dice,
            "rotation_deg": [pytest.approx(-turned.degrees), pytest.approx(turned.degrees)],
            "dummy2d": turned.slicewise,
            "initial_patch": list(turned.first_patch),
            "mirror": list(range(len(found.spacing))),
        } == wanted | {
            "spacing": pytest.approx(wanted["spacing"], rel=1e-12),
            "memory_only_batch": pytest.approx(wanted["memory_only_batch"], rel=1e-12),
            "norm": [NORMALIZATIONS[scheme] for scheme in wanted["norm"]],
        }


FLAT_SPACING = (999, 1, 1)
VOLUMES = [  # number, labels, spacing, shape; 2-D: patch, batch, elements; 3-D: patch, batch, elements
    (12, 2, (5, 0.8, 0.8), (20, 512, 512), ((512, 512), 12, 82624512), ((14, 384, 320), 2, 509187840)),
    (8, 2, (1, 1, 1), (200, 256, 256), ((256, 256), 49, 20627456), ((112, 160, 128), 2, 492997120)),
    (131, 3, (1, 0.767578125, 0.767578125), (432, 512, 512), ((512, 512), 12, 82886656), ((128,) * 3, 2, 452796416)),
    (32, 3, (3.6, 0.625, 0.625), (20, 320, 319), ((320, 320), 32, 32332800), ((20, 320, 256), 2, 483315200)),
]
IMAGES = [
    (30, 2, (512, 512), ((512, 512), 2, 82624512)),
    (229, 2, (256, 320), ((256, 320), 11, 25784320)),
    (20, 2, (584, 565), ((640, 640), 2, 129100800)),
    (84, 2, (512, 512), ((512, 512), 4, 82624512)),
    (447, 2, (256, 320), ((256, 320), 22, 25784320)),
    (367, 12, (360, 480), ((384, 512), 16, 63848448)),
    (2975, 20, (1024, 2048), ((896, 1536), 2, 458723328)),
]


def alike(number, labels, spacing, shape):
    """The fingerprint of a set whose cases are all alike."""
    return Fingerprint(np.array([shape] * number), np.array([spacing] * number), ("a",), labels, 1.0)


def planned(fingerprint):
    plan = plan_rules(fingerprint, ENCODERS["plain"], 8)
    return {name: (one.topology.patch, one.batch, one.elements) for name, one in plan.configurations.items()}


@pytest.mark.parametrize(("number", "labels", "spacing", "shape", "flat", "deep"), VOLUMES)
def test_plans_of_volumes_that_nnunet_made(number, labels, spacing, shape, flat, deep):
    found = planned(alike(number, labels, spacing, shape))
    assert (found["2d"], found["3d_fullres"]) == (flat, deep)


@pytest.mark.parametrize(("number", "labels", "shape", "expected"), IMAGES)
def test_plans_of_images_that_nnunet_made(number, labels, shape, expected):
    assert planned(alike(number, labels, FLAT_SPACING, (1, *shape))) == {"2d": expected}


def test_what_was_rejected_is_said_with_the_reason():
    volume = plan_rules(alike(8, 2, (1, 1, 1), (200, 256, 256)), ENCODERS["plain"], 8)
    patches = "224x256x256 192x256x256 192x256x224 192x224x224 160x224x224 160x224x192 160x192x192 128x192x192"
    patches += " 128x192x160 128x160x160 112x160x160"  # of nnU-Net's planner, before it takes 112x160x128
    full = volume.configurations["3d_fullres"]
    assert [times(patch) for patch, _ in full.too_large] == patches.split()
    assert all(share > 1 for _, share in full.too_large)
    text = rejected(volume, 8, 1.0)
    assert "- `3d_fullres`: patches 224x256x256 (5.63), 192x256x256" in text
    assert "- `3d_lowres` of spacing 1.16x1.16x1.16: 1.56 times fewer voxels" in text  # 1.03^5 along each axis
    assert "crop leaves 100% of an image" in text
    flat = rejected(plan_rules(alike(30, 2, FLAT_SPACING, (1, 512, 512)), ENCODERS["plain"], 8), 8, 1.0)
    assert "- `2d`: a batch of 12, which the memory holds: at most 2 by the number" in flat  # 5 % of 30 are 1.5
    assert "- `3d_fullres`, `3d_lowres`: the images have no depth" in flat
    large = rejected(
        plan_rules(alike(131, 3, (1, 0.767578125, 0.767578125), (432, 512, 512)), ENCODERS["plain"], 8), 8, 1
    )
    assert "- `3d_cascade_fullres`, which nnU-Net adds" in large
    small = rejected(plan_rules(alike(22, 3, (1, 1, 1), (34, 51, 35)), ENCODERS["plain"], 8), 8, 1.0)
    assert "- `3d_lowres`: a patch sees 148% of the median volume" in small  # 40x56x40 of 34x51x35


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ((128, 128, 128), (205, 205, 205)),
        ((40, 56, 40), (73, 80, 64)),
        ((112, 160, 128), (208, 238, 196)),
        ((20, 256, 256), (20, 301, 301)),
        ((512, 512), (602, 602)),
        ((896, 1536), (1485, 1807)),
    ],
)
def test_a_patch_is_read_larger_before_it_is_turned(patch, expected):
    assert rotation(patch).first_patch == expected


def test_an_axis_of_coarse_spacing_is_halved_late():
    """5 x 1 x 1 mm: three stages of 1, 2, 2 bring the others to 8 mm, but from 4 mm on the first one keeps pace."""
    found = find_topology((5, 1, 1), (20, 160, 160))
    assert found.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))
    assert found.kernels == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
    assert found.divisors == (4, 32, 32)
    assert found.patch == (20, 160, 160)


def test_a_long_axis_alone_stops_below_twelve():
    assert len(find_topology((1, 1), (7, 11)).strides) == 1
    assert find_topology((1, 1), (7, 13)).strides == ((1, 1), (1, 2))


def cube(value=1.0):
    image, label = np.zeros((1, 6, 6, 6), np.float32), np.zeros((6, 6, 6), np.uint8)
    image[0, 1:5, 2:6, 3:5] = value
    label[2:4, 3, 3] = 1
    return Case(image, label, (2.0, 1.0, 1.0))


def test_a_case_is_cut_to_its_non_zero_voxels():
    found = measure(
        [cube(), cube(), Case(np.zeros((1, 2, 3, 4), np.float32), np.zeros((2, 3, 4), int), (1, 1, 1))], ("a",), 2
    )
    assert found.shapes.tolist() == [[4, 4, 2], [4, 4, 2], [2, 3, 4]]
    assert found.spacings.tolist() == [[2, 1, 1], [2, 1, 1], [1, 1, 1]]
    assert found.crop_ratio == 32 / 216


def test_intensities_are_those_under_the_labels(monkeypatch):
    monkeypatch.setattr("unet_lightning.plan.fingerprint.DRAWS", 100)
    (found,) = foreground_intensities([cube(3.0), cube(5.0)], 2)
    assert (found.mean, found.median, found.std, found.low, found.high) == (4, 4, 1, 3, 5)


def volumes(folder):
    for path in sorted((folder / "imagesTr").glob("[!.]*.nii*")):
        image, label = nibabel.load(path), nibabel.load(folder / "labelsTr" / path.name)
        spacing = tuple(float(size) for size in reversed(image.header.get_zooms()[:3]))
        voxels = np.asarray(image.dataobj, np.float32).T
        yield Case(voxels[None], np.asarray(label.dataobj).astype(np.uint8).T, spacing)


def test_the_fingerprint_of_volumes_is_nnunets(real_data):
    cases = list(volumes(real_data / "hippocampus"))
    found, expected = measure(cases, ("MRI",), 3), stored("Hippocampus")
    assert sorted(map(tuple, found.shapes)) == sorted(map(tuple, expected.shapes))
    assert np.allclose(found.spacings, expected.spacings)
    assert found.crop_ratio == pytest.approx(expected.crop_ratio)
    (drawn,) = foreground_intensities(cases, len(cases))
    wanted = PLANS["Hippocampus"]["fingerprint"]["foreground"]["0"]
    assert drawn.mean == pytest.approx(wanted["mean"], rel=1e-6)
    assert drawn.std == pytest.approx(wanted["std"], rel=1e-6)
    assert (drawn.median, drawn.low, drawn.high) == pytest.approx(
        (wanted["median"], wanted["percentile_00_5"], wanted["percentile_99_5"]), rel=1e-6
    )
