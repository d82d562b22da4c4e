import gzip

import cv2
import nibabel
import numpy as np
import pytest
import scipy.io
import tifffile

from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label

ARRAY = np.arange(35, dtype=np.uint8).reshape(7, 5)
SUFFIXES = [".png", ".jpg", ".tif", ".bmp", ".npy", ".nii", ".nii.gz"]


def write(path, kind):
    scratch = path.with_name(f"scratch{kind}")
    if kind == ".npy":
        np.save(scratch, ARRAY)
    elif kind == ".mat":
        scipy.io.savemat(scratch, {"label": ARRAY})
    elif kind.startswith(".nii"):
        nibabel.save(nibabel.Nifti1Image(ARRAY, np.eye(4)), scratch)
    elif kind == ".tif":
        tifffile.imwrite(scratch, ARRAY)
    else:
        cv2.imwrite(str(scratch), ARRAY)
    scratch.rename(path)


@pytest.mark.parametrize("called", SUFFIXES)
@pytest.mark.parametrize("kind", [".png", ".tif", ".bmp", ".npy", ".nii", ".nii.gz", ".mat"])
def test_the_first_bytes_decide_and_not_the_name(tmp_path, kind, called):
    path = tmp_path / f"a{called}"
    write(path, kind)
    assert np.array_equal(read_label(path), ARRAY)
    assert np.array_equal(read_image(path)[..., 0], ARRAY)


def test_a_gzipped_file_that_is_no_nifti_is_refused_by_name(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(gzip.compress(b"text"))
    with pytest.raises(ValueError, match=r"a\.png: "):
        read_image(path)
