import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from tests.conftest import build_unet, randomise
from tests.prediction.test_predict import cells
from tests.small import config
from unet_lightning.command.export import main as export_main
from unet_lightning.error import InputError
from unet_lightning.prediction.export import example
from unet_lightning.prediction.load import load
from unet_lightning.prediction.onnx import export_onnx


@pytest.mark.parametrize(
    ("convolution", "upsample", "depth"),
    [
        ("same", "transposed", 4),
        ("same", "nearest", 5),
        ("same", "bilinear", 4),
        ("same", "bicubic", 2),
        ("same", "unpool", 3),
        ("valid", "transposed", 2),
        ("valid", "bilinear", 1),
        ("valid", "unpool", 1),
    ],
)
def test_every_upsampling_agrees_with_torch_at_sizes_it_was_not_exported_with(tmp_path, convolution, upsample, depth):
    import onnxruntime

    network = randomise(build_unet(upsample, convolution=convolution, depth=depth))
    export_onnx(network, 1, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    side, step = network.geometry.input_size(1), network.geometry.multiple
    valid, same = ((side, side + 3 * step), (side + step, side)), ((21, 34), (2, 5), (2 * step, step + 1))
    for height, width in valid if convolution == "valid" else same:
        image = torch.randn(3, 1, height, width)
        with torch.inference_mode():
            expected = network(image).numpy()
        found = session.run(None, {"image": image.numpy()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.std())


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
    assert len((folder / "predict.py").read_text().splitlines()) <= 42
    model = json.loads((folder / "model.json").read_text())
    assert model["classes"] == ["background", "cell"]
    assert model["geometry"]["output_tile"] == 32


@pytest.mark.parametrize("name", ["image", "percentile", "dataset", "window", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_examples_line_is_the_normalisation(checkpoint, name, dtype):
    from unet_lightning.config.instantiate import instantiate

    predictor = load(checkpoint)
    part = instantiate(config(f"normalize={name}")["normalize"])
    part.fit({"mean": [3.0], "std": [2.5]})
    object.__setattr__(predictor.models[0], "normalize", part)
    image = (np.random.default_rng(0).random((20, 30, 1)) * 200).astype(dtype)
    line = next(line for line in example(predictor).splitlines() if "shift, scale =" in line)
    names = {"np": np, "image": image}
    exec(line.strip(), names)
    for found, expected in zip((names["shift"], names["scale"]), part(image), strict=True):
        np.testing.assert_allclose(np.broadcast_to(found, 1), expected, rtol=1e-6)


def test_an_unknown_normalisation_is_refused(checkpoint):
    predictor = load(checkpoint)
    object.__setattr__(predictor.models[0], "normalize", object())
    with pytest.raises(InputError, match="export knows"):
        example(predictor)


def test_what_the_exporter_cannot_write_is_an_error_of_one_line(tmp_path):
    network = build_unet(depth=1)
    network.head.register_forward_hook(
        lambda module, inputs, output: output[output.sum() > 0]
    )  # sizes follow from data
    with pytest.raises(InputError, match="torch's exporter can't write this network") as caught:
        export_onnx(network, 1, tmp_path / "network.onnx")
    assert len(str(caught.value).splitlines()) == 1
