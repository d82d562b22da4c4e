import json
import subprocess
import sys
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, randomise
from tests.prediction.agreement import difference_at_other_sizes
from tests.prediction.test_predict import cells
from unet_lightning.command.export import main as export_main
from unet_lightning.error import InputError
from unet_lightning.fusion.concat import Concat
from unet_lightning.model.nnunet import build_nnunet
from unet_lightning.model.residual import ResidualBlock
from unet_lightning.model.stages import Stages
from unet_lightning.prediction.load import load
from unet_lightning.prediction.onnx import WholeNetwork, export_onnx
from unet_lightning.upsample.transposed import Transposed

pytestmark = pytest.mark.usefixtures("torchlib")


@pytest.mark.parametrize(
    ("convolution", "upsample", "depth", "norm", "channels"),
    [
        ("same", "transposed", 2, "batch", 1),
        ("same", "nearest", 1, "batch", 1),
        ("same", "bilinear", 3, "none", 1),
        ("same", "bicubic", 1, "batch", 1),
        ("same", "unpool", 1, "batch", 1),
        ("same", "transposed", 1, "instance", 4),
        ("valid", "transposed", 2, "batch", 1),
        ("valid", "bilinear", 1, "group", 1),
        ("valid", "unpool", 1, "batch", 1),
    ],
)
def test_every_upsampling_agrees_with_torch_at_sizes_it_was_not_exported_with(
    tmp_path, convolution, upsample, depth, norm, channels
):
    options = {"convolution": convolution, "depth": depth, "norm": norm, "in_channels": channels}
    network = randomise(build_unet(upsample, **options))
    assert difference_at_other_sizes(network, channels, tmp_path / "network.onnx") < 1e-4


def test_a_strided_network_agrees_with_torch_at_sizes_it_was_not_exported_with(tmp_path):
    stages = Stages([4, 8, 16], [[3, 3]] * 3, [[1, 1], [2, 2], [1, 2]], [1, 2, 1], 1)
    network = randomise(build_nnunet(2, 3, Transposed, Concat, stages, ResidualBlock, True, True))
    assert difference_at_other_sizes(network, 2, tmp_path / "network.onnx", sizes=[(1, 3, 5), (3, 21, 34)]) < 1e-4


def test_the_example_alone_labels_a_picture_larger_than_a_tile(tmp_path, checkpoint):
    folder = tmp_path / "exported"
    assert export_main([str(checkpoint), "--to", "onnx", "--output", str(folder), "tile=32"]) == 0
    picture = cells(75, 90)
    cv2.imwrite(str(tmp_path / "x.png"), picture)
    code = "import sys; sys.modules['torch'] = None; import runpy; sys.argv = ['predict.py', *sys.argv[1:]]; "
    code += f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')"
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "x.png"), str(tmp_path / "y.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = cv2.imread(str(tmp_path / "y.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(found, load(checkpoint).predict(picture[..., None]))
    assert len((folder / "predict.py").read_text().splitlines()) <= 60
    model = json.loads((folder / "model.json").read_text())
    assert model["classes"] == ["background", "cell"]
    assert model["geometry"]["output_tile"] == 32


def test_what_the_exporter_cannot_write_is_an_error_of_one_line(tmp_path, capsys):
    network = build_unet(depth=1)
    network.head.register_forward_hook(
        lambda module, inputs, output: output[:, :, : int(output.sum())] if output.sum() > 0 else output
    )  # a branch and a size that follow from data
    with pytest.raises(InputError, match="torch's exporter can't write this network") as caught:
        export_onnx(network, 1, tmp_path / "network.onnx")
    assert len(str(caught.value).splitlines()) == 1
    assert "upsample=transposed" in str(caught.value)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("first\nsecond"), KeyError("x")])
def test_a_failure_of_the_exporter_is_one_line_and_leaves_no_folder(tmp_path, checkpoint, monkeypatch, error):
    monkeypatch.setattr(torch.onnx, "export", Mock(side_effect=error))
    folder = tmp_path / "exported"
    with pytest.raises(InputError, match=type(error).__name__) as caught:
        export_main([str(checkpoint), "--to", "onnx", "--output", str(folder)])
    assert len(str(caught.value).splitlines()) == 1
    assert not folder.exists()
    folder.mkdir()  # one that was there stays
    with pytest.raises(InputError):
        export_main([str(checkpoint), "--to", "onnx", "--output", str(folder)])
    assert folder.exists()


def test_a_folder_that_cannot_be_made_is_refused_before_the_export(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", Mock(side_effect=AssertionError("was called")))
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"can't be a folder \(.*\); name another one with --output"):
            export_main([str(checkpoint), "--to", "onnx", "--output", str(folder)])


def test_what_is_not_installed_is_named_before_the_export(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.onnx, "export", Mock(side_effect=AssertionError("was called")))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"onnxruntime.*pip install 'unet-lightning\[export\]'"):
        export_onnx(build_unet(depth=1), 1, tmp_path / "network.onnx")


@pytest.mark.parametrize("upsample", UPSAMPLES)
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_what_is_exported_is_the_network_and_cuts_an_image_that_a_valid_one_refuses(convolution, upsample):
    network = randomise(build_unet(upsample, convolution=convolution, depth=2))
    side = network.geometry.input_size(1) if convolution == "valid" else 9
    image = torch.randn(1, 1, side + 7, side + 3)
    taken = (side + 4, side) if convolution == "valid" else image.shape[-2:]
    with torch.inference_mode():
        expected = network(image[..., : taken[0], : taken[1]])
        torch.testing.assert_close(WholeNetwork(network)(image), expected)
        torch.testing.assert_close(WholeNetwork(network)(image[..., : taken[0], : taken[1]]), expected)
