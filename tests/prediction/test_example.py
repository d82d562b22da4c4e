"""The example of an export does what the checkpoint does; the network itself stays in torch, which is fast."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.conftest import randomise
from tests.small import TRIAL, config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.normalize.base import normalize_image
from unet_lightning.normalize.schemes import Schemes
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.prediction.example import example
from unet_lightning.prediction.export import description, network_of
from unet_lightning.prediction.load import load
from unet_lightning.runtime.files import write_json
from unet_lightning.training.build import build

NNUNET = ["model=nnunet", "normalize=nnunet", "tiling=nnunet", "tile=[16,24]", "tta=flips", "tta.average=logits"]
STAGES = [
    *("model.stages.channels=[4,8]", "model.stages.kernels=[[3,3],[3,3]]", "model.stages.strides=[[1,1],[2,2]]"),
    *("model.stages.blocks=[1,1]", "model.stages.decoder_convolutions=1"),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two of nnU-Net's networks, of random weights."""
    folder = tmp_path_factory.mktemp("nnunet")
    tiny = [line for line in TRIAL if not line.startswith(("model.", "tile="))]
    task = build(config(*tiny, *NNUNET, *STAGES, "trainer.precision=32-true")).task
    for seed in (0, 1):
        randomise(task.network, seed)
        torch.save({"state_dict": dict(task.state_dict()), CHECKPOINT_KEY: task.identity}, folder / f"{seed}.ckpt")
    return [folder / "0.ckpt", folder / "1.ckpt"]


def labels_of_the_example(predictor, folder, picture, monkeypatch):
    """What predict.py labels; onnxruntime is replaced by the network in torch."""
    network = network_of(predictor)

    class InferenceSession:
        def __init__(self, path):
            assert path == str(folder / "network.onnx")

        def run(self, outputs, inputs):
            with torch.inference_mode():
                return [network(torch.from_numpy(inputs["image"])).numpy()]

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=InferenceSession))
    write_json(folder / "model.json", description(predictor))
    (folder / "predict.py").write_text(example(predictor))
    names = {"__file__": str(folder / "predict.py"), "__name__": "predict"}
    exec(compile(example(predictor), "predict.py", "exec"), names)
    return names["predict"](picture)


@pytest.mark.parametrize("sides", [(40, 61), (9, 50), (16, 24), (5, 7)])
def test_tiles_of_nnunet_are_averaged_over_its_views(tmp_path, checkpoints, monkeypatch, sides):
    predictor = load(checkpoints[0])
    picture = np.random.default_rng(0).integers(0, 255, (*sides, 1), np.uint8)
    found = labels_of_the_example(predictor, tmp_path, picture, monkeypatch)
    expected = predictor.predict(picture)
    assert found.dtype == np.uint8
    assert expected.any()
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "overrides", [["average=logits"], ["tta=none"], ["tta.average=probabilities"], ["tta=rotations"]]
)
def test_checkpoints_are_averaged_and_so_are_other_views(tmp_path, checkpoints, monkeypatch, overrides):
    predictor = load(*checkpoints, overrides=overrides, verb="export")
    picture = np.random.default_rng(1).integers(0, 255, (30, 41, 1), np.uint8)
    found = labels_of_the_example(predictor, tmp_path, picture, monkeypatch)
    assert np.array_equal(found, predictor.predict(picture))


@pytest.mark.parametrize("overrides", [[], ["tta=rotations"], ["tiling=nnunet", "tile=16"]])
def test_exact_tiles_lie_side_by_side_or_are_averaged(tmp_path, checkpoint, monkeypatch, overrides):
    predictor = load(checkpoint, overrides=["tile=16", *overrides], verb="export")
    picture = np.random.default_rng(2).integers(0, 255, (37, 50, 1), np.uint8)
    found = labels_of_the_example(predictor, tmp_path, picture, monkeypatch)
    assert np.array_equal(found, predictor.predict(picture))


def function(part, channels=1):
    """The example's function `normalized`."""
    model = SimpleNamespace(normalize=part, network=SimpleNamespace(geometry=SimpleNamespace(exact=True)))
    predictor = load_nothing(model, channels)
    text = example(predictor)
    names = {"np": np}
    exec(text[text.index("def normalized") : text.index("def scores")], names)
    return names["normalized"]


def load_nothing(model, channels):
    settings = {"tiling": "overlap", "average": "probabilities"}
    given = {"models": [model], "folds": (1,), "apart": 1, "averages_probabilities": False, "config": settings}
    return SimpleNamespace(**given, channels=channels, tta=instantiate(config()["tta"]))


@pytest.mark.parametrize("name", ["image", "percentile", "dataset", "window", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_normalisation_is_the_checkpoints(name, dtype):
    part = instantiate(config(f"normalize={name}")["normalize"])
    part.fit({"mean": [3.0], "std": [2.5]})
    image = (np.random.default_rng(0).random((20, 30, 1)) * 200).astype(dtype)
    found = function(part)(image)
    np.testing.assert_allclose(found.transpose(2, 0, 1), normalize_image(image, *part(image)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("empty", [0, 0.3, 1])
def test_schemes_of_nnunet_are_the_checkpoints(empty):
    ct = [60.0, 120.0, 90.0, 20.0]
    part = Schemes(["zscore", "ct", "masked_zscore", "rescale", "rgb", "none"], [None, ct, *[None] * 4])
    part.fit({"channels": 6})
    image = np.random.default_rng(0).integers(0, 200, (20, 30, 6)).astype(np.uint8)
    image[: round(20 * empty)] = 0
    numbers = part(image)
    expected = normalize_image(part.prepare(image, numbers), *numbers)
    found = function(part, 6)(image).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_other_numbers_of_channels_are_read_from_arrays():
    part = instantiate(config("normalize=image")["normalize"])
    model = SimpleNamespace(normalize=part, network=SimpleNamespace(geometry=SimpleNamespace(exact=True)))
    texts = {channels: example(load_nothing(model, channels)) for channels in (1, 3, 4)}
    assert "IMREAD_GRAYSCALE" in texts[1]
    assert "IMREAD_COLOR" in texts[3]
    assert "picture = np.load(sys.argv[1])" in texts[4]
    assert "IMAGE.npy" in texts[4]


def test_what_the_example_has_no_lines_for_is_refused(checkpoints, checkpoint):
    cases = [
        (load(checkpoints[0], overrides=["tiling=overlap"], verb="export"), "add tiling=nnunet"),
        (load(*checkpoints, overrides=["average=probabilities"], verb="export"), "add tta=none"),
    ]
    unknown = load(checkpoint)
    object.__setattr__(unknown.models[0], "normalize", object())
    for predictor, message in [*cases, (unknown, "export knows")]:
        with pytest.raises(InputError, match=message):
            example(predictor)
