"""A package on the disk, and what bioimageio.core, the zoo's own program, says of it where it is installed."""

import re
import zipfile
from hashlib import sha256

import cv2
import numpy as np
import pytest
import torch
import yaml

from tests.prediction.test_predict import cells
from tests.prediction.zoo.conftest import SAID
from tests.prediction.zoo.untrained import untrained
from tests.small import QUIET, TINY_NETWORK
from unet_lightning.command.export import main as export_main
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.prediction.zoo import package as module

pytestmark = pytest.mark.usefixtures("torchlib")


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


@pytest.mark.parametrize(
    ("overrides", "divisor"), [([], 2.0), (["target=boundary", "postprocess=rims"], 1.0)], ids=["classes", "boundary"]
)
def test_a_temperature_divides_the_logits_of_classes_alone(exported, overrides, divisor):
    folder, checkpoint = exported(*overrides, typed=["temperature=2"])
    image = np.load(folder / "test_input.npy")
    with torch.inference_mode():
        logits = load(checkpoint).models[0].network(torch.from_numpy((image - image.mean()) / image.std()))
    np.testing.assert_allclose(np.load(folder / "test_output.npy"), (logits / divisor).softmax(1), atol=1e-5)
    said = yaml.safe_load((folder / "rdf.yaml").read_text())["config"]["unet_lightning"]
    assert said["temperature"] == divisor
    assert ("the temperature of 2 belongs to classes" in (folder / "README.md").read_text()) == (divisor == 1)


def test_where_torch_cannot_trace_there_is_onnx_alone(exported, caplog):
    caplog.set_level("INFO")
    folder, _ = exported("upsample=unpool")
    assert list(yaml.safe_load((folder / "rdf.yaml").read_text())["weights"]) == ["onnx"]
    assert not (folder / "network.pt").exists()
    assert "TorchScript |" not in (folder / "README.md").read_text()
    assert "no TorchScript" in caplog.text


@pytest.mark.parametrize("old", [None, {"rdf.yaml": b"of an earlier package"}])
def test_a_difference_is_refused_and_leaves_what_was_there(exported, tmp_path, monkeypatch, old):
    folder = tmp_path / "package"
    if old:
        folder.mkdir()
        (folder / "rdf.yaml").write_bytes(old["rdf.yaml"])
    monkeypatch.setattr(module, "differences", lambda runs, *_: dict.fromkeys(runs, 2e-4))
    with pytest.raises(InputError, match=r"ONNX differs from the checkpoint by 2.0e-04"):
        exported(typed=["--output", str(folder)])
    assert {path.name for path in tmp_path.iterdir()} == {"run", *(["package"] if old else [])}
    assert not old or {path.name: path.read_bytes() for path in folder.iterdir()} == old


def test_a_folder_with_files_of_its_own_keeps_them_to_itself(exported, tmp_path, monkeypatch):
    folder = tmp_path / "published"
    folder.mkdir()
    for name in ("notes.txt", "network.pt"):
        (folder / name).write_text("private, or of an earlier package")
    monkeypatch.chdir(folder)
    exported("upsample=unpool", typed=["--output", "."])
    with zipfile.ZipFile(tmp_path / "published.zip") as archive:
        assert {path.name for path in folder.iterdir()} == {*archive.namelist(), "notes.txt"}
        assert archive.read("rdf.yaml") == (folder / "rdf.yaml").read_bytes()
    assert (folder / "notes.txt").read_text() == "private, or of an earlier package"
    assert {path.name for path in tmp_path.iterdir()} == {"published", "published.zip", "run"}


def test_an_image_is_resampled_to_the_pixels_of_training(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for k in range(5):
        cv2.imwrite(str(tmp_path / "images" / f"{k}.png"), cells(40, 48, k))
        cv2.imwrite(str(tmp_path / "masks" / f"{k}.png"), np.zeros((40, 48), np.uint8))
    base = ["data=folder", f"data.root={tmp_path}", "data.crop=16", *TINY_NETWORK, *QUIET]
    given = ["model.norm=group", "tile=32", "data.resample=0.5", "data.pixel_size=0.5"]
    checkpoint = untrained(tmp_path / "run", *given, base=base)
    image = cells(96, 80)
    cv2.imwrite(str(tmp_path / "fine.png"), image)
    words = [str(checkpoint), "--to", "bioimageio", "--image", str(tmp_path / "fine.png"), *SAID]
    assert export_main([*words, "data.pixel_size=0.25"]) == 0
    found = np.load(tmp_path / "run" / "bioimageio" / "test_input.npy")
    means = np.rint(image.reshape(48, 2, 40, 2).mean((1, 3)))
    assert np.array_equal(found[0, 0], means[8:40, 4:36])
    with pytest.raises(InputError, match=r"resampled to 0.5 um; set data.pixel_size="):
        export_main([*words, "data.pixel_size=null"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "bioimageio"], "add --image a.png --author 'NAME, AFFILIATION' --license CC-BY-4.0$"),
        (["--to", "bioimageio", *SAID], "add --image a.png$"),
        (["--to", "onnx", "data.pixel_size=0.5"], "data.pixel_size=0.5: of --image, which belongs to --to bioimageio"),
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
