from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_lightning.error import InputError
from unet_lightning.prediction.job import Wanted, plan
from unet_lightning.prediction.names import named_by_content, targets

PREDICTOR = SimpleNamespace(config={"data": {}}, channels=1)


def write(path, kind):
    picture = np.zeros((4, 5), np.uint8)
    if kind == "png":
        Image.fromarray(picture).save(path, "png")
    else:
        tifffile.imwrite(path, picture)


@pytest.mark.parametrize(
    ("name", "kind", "named"),
    [
        ("x.nii.gz", "png", "x.png"),
        ("x.NII.GZ", "png", "x.png"),
        ("x.nii", "png", "x.png"),
        ("x.y.tif", "png", "x.y.png"),
        ("x.jpg", "png", "x.jpg"),
        ("x.nii.gz", "tiff", "x.tif"),
        ("x.y.png", "tiff", "x.y.tif"),
        ("x.TIFF", "tiff", "x.TIFF"),
        ("x", "tiff", "x.tif"),
    ],
)
def test_a_name_says_what_the_file_holds(tmp_path, name, kind, named):
    write(tmp_path / name, kind)
    assert named_by_content(tmp_path / name, Path("in") / name) == Path("in") / named


def test_outputs_are_named_like_their_input(tmp_path):
    found = targets(tmp_path, Path("x.nii.gz"), ["classes", "probabilities"])
    assert [path.name for path in found.values()] == ["x.nii.gz", "x.probabilities.npy"]
    assert targets(tmp_path, Path("x.TIF"), ["instances"])["instances"].name == "x.instances.tif"
    assert targets(tmp_path, Path("x.y.jpg"), ["classes"])["classes"].name == "x.y.png"


def test_two_inputs_whose_outputs_have_one_name_are_refused(tmp_path):
    files = {}
    for name in ("x.nii.gz", "x.png"):
        write(tmp_path / name, "png")
        files[tmp_path / name] = Path(name)
    with pytest.raises(InputError, match=r"x\.nii\.gz would both be written to .*out/x\.png; predict one of them"):
        plan(files, Wanted(tmp_path / "out", ["classes"], overwrite=False), PREDICTOR, {})
