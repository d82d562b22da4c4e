import json

import cv2
import numpy as np
import pytest

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
    assert found["topology"]["patch"] == [96, 128]
    assert found["batch"] == 2
    assert found["topology"]["strides"] == [[1, 1], *[[2, 2]] * 4]
    assert found["channels"] == [32, 64, 128, 256, 512]


def test_the_plan_is_shown_as_a_table(photographs, capsys):
    assert main(["data=folder", f"data.root={photographs}", "plan.encoder=residual_m", "plan.channels=[a,b,c]"]) == 0
    shown = capsys.readouterr().out
    assert "nnU-Net's plan for 8 images (residual_m, 8 GB)" in shown
    assert "| patch | 96x128 |" in shown
    assert "Normalisation: zscore, zscore, zscore." in shown


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("plan.memory_gb=-1", "plan.memory_gb=-1"),
        ("plan.memory_gb=abc", "plan.memory_gb=abc"),
        ("plan.encoder=resnet", "plan.encoder=resnet"),
        ("plan.memory=8", "plan.memory is not a key"),
        ("plan.channels=[CT]", "the images have 3 channels"),
    ],
)
def test_wrong_keys_are_refused_by_name(photographs, override, words):
    with pytest.raises(InputError, match=words.replace("[", "\\[")) as refused:
        main(["data=folder", f"data.root={photographs}", override])
    assert len(str(refused.value).splitlines()) == 1
