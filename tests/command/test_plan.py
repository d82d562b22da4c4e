import json

import cv2
import numpy as np
import pytest
import tifffile

from unet_lightning.command.plan import main
from unet_lightning.error import InputError


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Ten colour images of 96x128, of which the last two are the test split."""
    root = tmp_path_factory.mktemp("set")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    rows = ["image,mask,split"]
    for k in range(10):
        mask = np.zeros((96, 128), np.uint8)
        mask[20:40, 30:60] = 1
        cv2.imwrite(str(root / f"images/{k}.png"), np.full((96, 128, 3), 90 + k, np.uint8))
        cv2.imwrite(str(root / f"masks/{k}.png"), mask)
        rows.append(f"images/{k}.png,masks/{k}.png,{'train' if k < 6 else 'val' if k < 8 else 'test'}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


def test_the_plan_of_a_folder_worked_by_hand(photographs, capsys):
    """8 images: a batch of 2, as 5 % of all pixels are less than one image; five times halved, to 3x4."""
    assert main(["data=folder", f"data.root={photographs}", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    (found,) = plan["configurations"].values()
    assert plan["normalization"] == ["rgb"] * 3
    assert (plan["encoder"], plan["memory_gb"]) == ("plain", 8)
    assert found["topology"]["patch"] == [96, 128]
    assert found["batch"] == 2
    assert found["topology"]["strides"] == [[1, 1], *[[2, 2]] * 4]
    assert found["channels"] == [32, 64, 128, 256, 512]


def test_the_plan_is_shown_as_a_table(photographs, capsys):
    assert main(["data=folder", f"data.root={photographs}", "plan.encoder=residual_m", "plan.channels=[a,b,c]"]) == 0
    shown = capsys.readouterr().out
    assert "nnU-Net's configurations for 8 images, 8 GB" in shown
    assert "| patch | 96x128 |" in shown
    assert "| `data.crop=[96,128]` | as much of the median image, 96x128 pixels, as 8 GB hold |" in shown
    assert "Normalisation: zscore, zscore, zscore." in shown


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("plan.memory_gb=-1", "plan.memory_gb=-1"),
        ("plan.memory_gb=abc", "plan.memory_gb=abc"),
        ("plan.encoder=resnet", "plan.encoder=resnet"),
        ("plan.memory=8", "plan.memory is not a key"),
        ("plan.channels=[CT]", "images of 3 channels"),
        ("+plan.memory_gb=-1", "plan.memory_gb=-1"),
        ("plan.channels=[a,b", "plan.channels=[a,b"),
    ],
)
def test_wrong_keys_are_refused_by_name(photographs, override, words):
    with pytest.raises(InputError, match=words.replace("[", "\\[")) as refused:
        main(["data=folder", f"data.root={photographs}", override])
    assert len(str(refused.value).splitlines()) == 1


def test_a_stack_of_slices_is_flat_and_a_ct_channel_has_its_intensities(tmp_path, capsys):
    """Sections of a TIFF are images by themselves. Labelled: 100 pixels of 40 and 300 of 80, so 70 in the mean."""
    image = np.zeros((30, 64, 64), np.uint8)
    image[:, 10:20, 10:20], image[:, 30:40, 10:40] = 40, 80
    tifffile.imwrite(tmp_path / "train-volume.tif", image, photometric="minisblack")
    tifffile.imwrite(tmp_path / "train-labels.tif", np.where(image > 0, 255, 0).astype(np.uint8))
    typed = ["data=isbi2012", f"data.root={tmp_path}", "plan.channels=[CT]", "+plan.memory_gb=8"]
    assert main([*typed, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert list(plan["configurations"]) == ["2d"]
    assert plan["normalization"] == ["ct"]
    (found,) = plan["intensities"]
    assert (found["mean"], found["low"], found["high"]) == (pytest.approx(70, abs=0.1), 40, 80)
    assert found["std"] == pytest.approx(300**0.5, abs=0.1)
    assert main(typed) == 0
    assert "Channel 0: cut off at 40 and 80" in capsys.readouterr().out
