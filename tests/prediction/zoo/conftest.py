"""Packages of small networks with random weights."""

import cv2
import pytest

from tests.prediction.test_predict import cells
from tests.prediction.zoo.untrained import untrained
from unet_lightning.command.export import main as export_main

SAID = ["--author", "A B, Institute", "--license", "CC-BY-4.0"]


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "a.png"
    cv2.imwrite(str(path), cells(100, 120))
    return path


@pytest.fixture
def exported(tmp_path, picture, monkeypatch):
    """Function of overrides, and of those typed for the export: export a network of random weights; the package's
    folder and the checkpoint.
    """
    for name in ("USUAL", "LARGEST"):
        monkeypatch.setattr(f"unet_lightning.prediction.zoo.sizes.{name}", 48)

    def export(*overrides, typed=()):
        checkpoint = untrained(tmp_path / "run", *overrides)
        line = [str(checkpoint), "--to", "bioimageio", "--image", str(picture), *SAID, *typed]
        assert export_main(line) == 0
        return tmp_path / "run" / "bioimageio", checkpoint

    return export
