"""Small data sets in the form in which people have them, compared with the right reading of each, kept beside them."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from unet_lightning.data.folder import find

CASES = Path(os.environ.get("UNET_LIGHTNING_DATA", "")) / "cases"
CELL, TWO = ["background", "cell"], ["background", "a", "b"]
SQUARE = np.zeros((72, 60), np.uint8)
SQUARE[10:25, 10:30] = 1
READ = {
    "nifti_scaled_image": {},
    "nifti_scl_slope_label": {},
    "nifti_label_other_orientation": {},
    "mask_1bit_tiff_miniswhite": {},
    "mask_palette_tiff_colors": {"classes": TWO},
    "mask_exif180_jpeg": {"threshold": 127},
    "png_called_tif": {},
    "mask_npy_1hw": {},
    "mask_npy_onehot_last": {"classes": TWO},
    "mask_rgba_alpha_only": {"label_values": {0: 0, 255: 1}},
    "imagej_zyx_as_channels": {"axes": "CYX"},
    "tiff_nodata": {},
    "qupath_geojson": {},
    "shaped_tiff_hwc5": {"axes": "YXC"},
}

pytestmark = pytest.mark.skipif(
    not os.environ.get("UNET_LIGHTNING_DATA") or not CASES.is_dir(), reason="needs UNET_LIGHTNING_DATA"
)


@pytest.mark.parametrize("name", READ)
def test_a_case_is_read_as_it_should_be(tmp_path, name):
    with zipfile.ZipFile(CASES / f"{name}.zip") as packed:
        packed.extractall(tmp_path)
    right = dict(np.load(CASES / f"{name}.npz"))
    options = {"classes": CELL, **READ[name]}
    dataset = find(str(tmp_path), **options)
    assert not dataset.findings
    assert len(dataset.records) > 1
    for k, record in enumerate(sorted(dataset.records, key=lambda record: record.id)):
        sample = dataset.read(record)
        if not right:  # the same square in every picture, drawn by hand
            assert np.array_equal(sample.mask, SQUARE)
            continue
        mask = right[f"mask{k}"]
        data = (right[f"image{k}"] != -9999).all(2)
        assert np.array_equal(sample.image[data], right[f"image{k}"][data])
        assert np.array_equal(sample.valid, (mask >= 0) & data)
        assert np.array_equal(sample.mask[sample.valid], mask[sample.valid])
        assert (name == "tiff_nodata") == (not data.all())
