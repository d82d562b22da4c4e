"""A package on the disk, and what bioimageio.core, the zoo's own program, says of it where it is installed."""

import re
import zipfile
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch
import yaml
from packaging.version import Version

from tests.prediction.test_predict import cells
from tests.prediction.zoo.untrained import untrained
from tests.small import QUIET, TINY_NETWORK
from unet_lightning.command.export import main as export_main
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.prediction.zoo import package as module

pytestmark = pytest.mark.usefixtures("torchlib")
SAID = ["--author", "A B, Institute", "--license", "CC-BY-4.0"]
NETWORKS = {
    "default": [],
    "unpool": ["upsample=unpool"],
    "valid": ["model.convolution=valid", "upsample=bilinear"],
    "instance": ["model.norm=instance", "tile=32"],
    "group": ["model.norm=group", "tile=32", "normalize=percentile"],
    "three classes": ["data.classes=[background,cell,debris]", "normalize=dataset"],
    "boundary": ["target=boundary", "postprocess=rims", "data.classes=[background,cell,debris]"],
    "views": ["tta=rotations"],
}
WHY = None if find_spec("bioimageio") else "bioimageio.core isn't installed"
if not WHY and Version(version("pydantic")) >= Version("2.14"):
    WHY = f"bioimageio.core reads no description with pydantic {version('pydantic')}, only below 2.14"
zoo = pytest.mark.skipif(WHY is not None, reason=str(WHY))


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "a.png"
    cv2.imwrite(str(path), cells(100, 120))
    return path


@pytest.fixture
def exported(tmp_path, picture, monkeypatch):
    """Function of overrides: export a network of random weights; the package's folder and the checkpoint."""
    monkeypatch.setattr("unet_lightning.prediction.zoo.sizes.USUAL", 48)

    def export(*overrides):
        checkpoint = untrained(tmp_path / "run", *overrides)
        line = [str(checkpoint), "--to", "bioimageio", "--image", str(picture), *SAID]
        assert export_main(line) == 0
        return tmp_path / "run" / "bioimageio", checkpoint

    return export


def test_a_package_holds_what_its_description_says(exported):
    folder, checkpoint = exported()
    said = yaml.safe_load((folder / "rdf.yaml").read_text())
    tensors = [*said["inputs"], *said["outputs"]]
    files = [*said["weights"].values(), said["documentation"], *said["covers"], *(t["test_tensor"] for t in tensors)]
    for file in files:
        assert file["sha256"] == sha256((folder / file["source"]).read_bytes()).hexdigest()
    names = {"rdf.yaml", *(file["source"] for file in files)}
    with zipfile.ZipFile(folder.with_suffix(".zip")) as archive:
        assert set(archive.namelist()) == names == {path.name for path in folder.iterdir()}
    assert said["authors"] == [{"name": "A B", "affiliation": "Institute"}]
    assert said["license"] == "CC-BY-4.0"
    assert said["weights"]["onnx"]["parent"] == "torchscript"
    assert said["config"]["unet_lightning"]["config_hash"] == load(checkpoint).models[0].identity["config_hash"]
    height, width = cv2.imread(str(folder / "cover.png")).shape[:2]
    assert width == 2 * height


def test_the_test_tensors_are_the_middle_of_the_picture_and_what_the_checkpoint_says_of_it(exported, picture):
    import onnxruntime

    folder, checkpoint = exported()
    image = np.load(folder / "test_input.npy")
    assert np.array_equal(image[0, 0], cv2.imread(str(picture), 0)[26:74, 36:84])
    expected = np.load(folder / "test_output.npy")
    network = load(checkpoint).models[0].network
    given = (image - image.mean()) / image.std()
    with torch.inference_mode():
        found = network(torch.from_numpy(given)).softmax(1).numpy()
    np.testing.assert_allclose(expected, found, atol=1e-5)
    session = onnxruntime.InferenceSession(str(folder / "network.onnx"))
    np.testing.assert_allclose(session.run(None, {"image": given})[0], expected, atol=1e-4)
    traced = torch.jit.load(str(folder / "network.pt"))(torch.from_numpy(given)).numpy()
    np.testing.assert_allclose(traced, expected, atol=1e-4)
    readme = (folder / "README.md").read_text()
    assert re.search(r"\| ONNX \| opset \d+ \| \d\.\de-\d\d \|", readme)
    assert re.search(r"\| TorchScript \| torch .* \| \d\.\de-\d\d \|", readme)


def test_where_torch_cannot_trace_there_is_onnx_alone(exported, caplog):
    caplog.set_level("INFO")
    folder, _ = exported("upsample=unpool")
    assert list(yaml.safe_load((folder / "rdf.yaml").read_text())["weights"]) == ["onnx"]
    assert not (folder / "network.pt").exists()
    assert "TorchScript |" not in (folder / "README.md").read_text()
    assert "no TorchScript" in caplog.text


def test_a_difference_is_refused_and_leaves_no_folder(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "differences", lambda runs, *_: dict.fromkeys(runs, 2e-4))
    with pytest.raises(InputError, match=r"ONNX differs from the checkpoint by 2.0e-04"):
        exported()
    assert not (tmp_path / "run" / "bioimageio").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "bioimageio"], "add --image a.png --author 'NAME, AFFILIATION' --license CC-BY-4.0$"),
        (["--to", "bioimageio", *SAID], "add --image a.png$"),
        (["--to", "onnx", "--cite", "x"], "--cite belongs to --to bioimageio; leave it out"),
    ],
)
def test_what_a_person_must_say_is_asked_for_before_anything_is_loaded(words, said):
    with pytest.raises(InputError, match=said):
        export_main(["absent.ckpt", *words])


def test_an_image_of_other_channels_is_refused(tmp_path, picture):
    np.save(tmp_path / "a.npy", np.zeros((50, 60, 4), np.uint8))
    checkpoint = untrained(tmp_path / "run")
    words = ["--to", "bioimageio", "--image", str(tmp_path / "a.npy"), *SAID]
    with pytest.raises(InputError, match="--image has 4 channels, the network takes 1"):
        export_main([str(checkpoint), *words])


@zoo
@pytest.mark.parametrize("name", NETWORKS)
def test_the_zoos_program_accepts_the_package_and_reproduces_its_tensors(exported, name):
    from bioimageio.core import load_description_and_test

    folder, _ = exported(*NETWORKS[name])
    for place in (folder / "rdf.yaml", folder.with_suffix(".zip")):
        found = load_description_and_test(place)
        assert found.validation_summary.status == "passed", found.validation_summary.format()


def test_four_channels_are_named_and_agree(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    generator = np.random.default_rng(0)
    for k in range(5):
        np.save(tmp_path / "images" / f"{k}.npy", generator.integers(0, 4000, (40, 48, 4)).astype(np.uint16))
        cv2.imwrite(str(tmp_path / "masks" / f"{k}.png"), generator.integers(0, 2, (40, 48)).astype(np.uint8))
    base = ["data=folder", f"data.root={tmp_path}", "data.crop=16", *TINY_NETWORK, *QUIET]
    checkpoint = untrained(tmp_path / "run", "model.norm=group", "tile=32", base=base)
    words = ["--to", "bioimageio", "--image", str(tmp_path / "images" / "0.npy"), *SAID]
    assert export_main([str(checkpoint), *words]) == 0
    folder = tmp_path / "run" / "bioimageio"
    channel = yaml.safe_load((folder / "rdf.yaml").read_text())["inputs"][0]["axes"][1]
    assert channel["channel_names"] == ["channel 1", "channel 2", "channel 3", "channel 4"]
    assert np.load(folder / "test_input.npy").shape == (1, 4, 32, 32)
    if not WHY:
        from bioimageio.core import test_model as check

        assert check(folder / "rdf.yaml").status == "passed"


@zoo
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("instance", "group")])
def test_the_readmes_program_labels_tiles_as_the_checkpoint_does(exported, monkeypatch, name):
    folder, checkpoint = exported(*NETWORKS[name])
    image = cells(96, 120)  # sides that are multiples of the network's
    np.save(folder / "other.npy", image[None, None].astype(np.float32))
    monkeypatch.chdir(folder)
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    assert code.count('"test_input.npy"') == 1
    names = {}
    exec(compile(code.replace("test_input", "other"), "README.md", "exec"), names)
    predictor = load(checkpoint)
    expected = predictor.all_outputs(image[..., None]).softmax(0).numpy()
    np.testing.assert_allclose(names["probabilities"], expected, atol=1e-4)
    assert (names["labels"] == predictor.predict(image[..., None])).mean() > 0.999
    if name == "boundary":
        assert names["objects"].max() == predictor.postprocess(predictor.ids(image[..., None])).max()
