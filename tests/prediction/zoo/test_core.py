"""What bioimageio.core, the zoo's own program, says of packages, where it is installed."""

import re
from importlib.metadata import version
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import yaml
from packaging.version import Version

from tests.prediction.test_predict import cells
from tests.prediction.zoo.conftest import SAID
from tests.prediction.zoo.test_program import differing
from tests.prediction.zoo.untrained import untrained
from tests.small import QUIET, TINY_NETWORK
from unet_lightning.command.export import main as export_main
from unet_lightning.prediction.load import load

pytestmark = pytest.mark.usefixtures("torchlib")
NETWORKS = {
    "default": [],
    "unpool": ["upsample=unpool"],
    "valid": ["model.convolution=valid", "upsample=bilinear"],
    "instance": ["model.norm=instance", "tile=32"],
    "group": ["model.norm=group", "tile=32", "normalize=percentile"],
    "three classes": ["data.classes=[background,cell,debris]", "normalize=dataset"],
    "boundary": ["target=boundary", "postprocess=rims", "postprocess.ridge=0", "data.classes=[background,cell,debris]"],
    "views": ["tta=rotations"],
}
WHY = None if find_spec("bioimageio") else "bioimageio.core isn't installed; make test-zoo has it"
if not WHY and Version(version("pydantic")) >= Version("2.14"):
    WHY = f"bioimageio.core reads no description with pydantic {version('pydantic')}; make test-zoo has one below 2.14"
zoo = pytest.mark.skipif(WHY is not None, reason=str(WHY))


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


@pytest.fixture
def run_program(monkeypatch):
    """Function of a package's folder and an image (H, W): run the README's program; its variables."""

    def run(folder, image):
        np.save(folder / "other.npy", image[None, None].astype(np.float32))
        monkeypatch.chdir(folder)
        code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
        assert code.count('"test_input.npy"') == 1
        names = {}
        exec(compile(code.replace("test_input", "other"), "README.md", "exec"), names)
        return names

    return run


@zoo
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("instance", "group")])
def test_the_readmes_program_labels_tiles_as_the_checkpoint_does(exported, run_program, name):
    folder, checkpoint = exported(*NETWORKS[name])
    image = cells(96, 120)  # sides that are multiples of the network's
    names, predictor = run_program(folder, image), load(checkpoint)
    expected = predictor.all_outputs(image[..., None]).softmax(0).numpy()
    np.testing.assert_allclose(names["probabilities"], expected, atol=1e-4)
    assert (names["labels"] == predictor.predict(image[..., None])).mean() > 0.999
    if name == "boundary":
        objects = predictor.postprocess(predictor.ids(image[..., None]))
        assert objects.max() > 1
        assert differing(names["objects"], objects) < 0.001


@zoo
def test_the_readmes_program_takes_the_packages_own_example_and_smaller_images(exported, run_program, monkeypatch):
    monkeypatch.setattr("unet_lightning.prediction.zoo.sizes.USUAL", 256)
    folder, checkpoint = exported("model.depth=4", "normalize=dataset")
    predictor, image = load(checkpoint), np.load(folder / "test_input.npy")[0, 0]
    assert image.shape == (256, 256)
    small, odd = image[:100, 30:120], image[:, :250]
    mirrored = np.pad(small, ((0, 108), (0, 118)), mode="reflect")  # to 208 pixels
    wide = np.pad(odd, ((0, 0), (0, 6)), mode="reflect")  # to 208 + 3 * 16
    for given, whole in ((image, image), (small, mirrored), (odd, wide)):
        expected = predictor.all_outputs(whole[..., None]).softmax(0).numpy()[:, : given.shape[0], : given.shape[1]]
        np.testing.assert_allclose(run_program(folder, given)["probabilities"], expected, atol=1e-4)


@zoo
@pytest.mark.parametrize("norm", ["instance", "group"])
def test_the_readmes_program_takes_images_of_any_size_where_tiles_have_one(exported, run_program, norm):
    folder, _ = exported(f"model.norm={norm}", "tile=32")
    for height, width in ((20, 70), (1, 33), (100, 101)):
        found = run_program(folder, cells(100, 120)[:height, :width])["probabilities"]
        assert found.shape == (2, height, width)
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
