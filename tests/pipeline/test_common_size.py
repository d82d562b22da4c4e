"""`data.resample`: training sees pixels of one size, predictions lie on the grid of each image."""

import csv

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from tests.small import QUIET, TINY_NETWORK, TRIAL, config, write_untrained
from unet_lightning.command.predict import main as predict_main
from unet_lightning.error import InputError
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.prediction.load import load
from unet_lightning.reading.pixel_size import PixelSize

RANDOM = np.random.default_rng(0)


def folder(path, *sizes):
    """A picture of 24 x 36 pixels for each pixel size in um, with two objects; without one where it is None."""
    for name in ("images", "instances"):
        (path / name).mkdir(parents=True)
    objects = np.zeros((24, 36), np.uint16)
    objects[4:16, 4:16], objects[8:20, 20:32] = 1, 2
    for k, size in enumerate(sizes):
        known = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": 3} if size else {}
        image = RANDOM.integers(0, 255, objects.shape, np.uint8)
        tifffile.imwrite(path / "images" / f"{k}.tif", image, **known)
        tifffile.imwrite(path / "instances" / f"{k}.tif", objects)
    return path


def plain(root, *more):
    return config("data=folder", f"data.root={root}", *TINY_NETWORK, *QUIET, *more)


def test_images_of_all_sizes_are_read_on_pixels_of_one(tmp_path):
    given = plain(folder(tmp_path, 0.25, 0.5, 1), "data.resample=0.5")
    dataset = find_dataset(given)
    samples = {record.id: dataset.read(record) for record in dataset.records}
    assert [samples[str(k)].mask.shape for k in range(3)] == [(12, 18), (24, 36), (48, 72)]
    assert [np.bincount(samples[str(k)].instances.ravel())[1:].tolist() for k in range(3)] == [
        *([36, 36], [144, 144], [576, 576]),  # the same number of square micrometres
    ]
    stored = tifffile.imread(tmp_path / "images/0.tif").astype(float)
    blocks = stored.reshape(12, 2, 18, 2).mean((1, 3))
    assert np.abs(samples["0"].image[..., 0] - blocks).max() <= 0.5
    kept = find_dataset(given, resample=False)
    assert [kept.read(record).scale for record in sorted(kept.records, key=lambda one: one.id)] == [
        *((pytest.approx((scale, scale))) for scale in (0.5, 1, 2)),
    ]


def test_nothing_is_resampled_without_the_key_and_what_is_typed_goes_before_the_file(tmp_path):
    root = folder(tmp_path, 0.25, None)
    dataset = find_dataset(plain(root))
    assert {dataset.read(record).mask.shape for record in dataset.records} == {(24, 36)}
    typed = find_dataset(plain(root, "data.resample=2e-3", "data.pixel_size=[0.001,0.002]", "data.unit=mm"))
    assert {typed.read(record).mask.shape for record in typed.records} == {(12, 36)}


def test_an_image_without_a_size_is_refused_with_the_remedy(tmp_path):
    root = folder(tmp_path, 0.25, None, 0.25)
    (line,) = find_dataset(plain(root, "data.resample=0.5")).findings
    assert "1.tif: no pixel size is known, which data.resample=0.5 needs; set data.pixel_size=…" in line
    assert not find_dataset(plain(root, "data.resample=0.5", "data.pixel_size=0.25")).findings


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint whose config says that it was trained on pixels of 0.5 um."""
    path = write_untrained(tmp_path_factory.mktemp("run") / "checkpoints" / "best.ckpt")
    content = torch.load(path, weights_only=True)
    content["unet_lightning"]["config"]["data"] |= {"resample": 0.5, "unit": "um"}
    torch.save(content, path)
    return path


def test_a_prediction_returns_on_the_grid_of_the_image(trained):
    predictor = load(trained)
    image = cv2.GaussianBlur(RANDOM.integers(0, 255, (40, 64)).astype(np.uint8), (0, 0), 2)[..., None]
    half = image.reshape(20, 2, 32, 2).mean((1, 3)).round().astype(np.uint8)[..., None]
    expected = predictor.logits(half)
    found = predictor.logits(image, predictor.scale_of(PixelSize(0.25, 0.25, "um")))
    assert found.shape == (2, 40, 64)
    wanted = torch.nn.functional.interpolate(expected[None], scale_factor=2, mode="bilinear")[0]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    same = predictor.logits(image, predictor.scale_of(PixelSize(0.5e-3, 0.5e-3, "mm")))
    assert torch.equal(same, predictor.logits(image))


def test_an_image_without_a_scale_is_warned_of_once(trained, caplog):
    image, predictor = RANDOM.integers(0, 255, (40, 64, 1), np.uint8), load(trained)
    predictor.predict(image, (0.25 / 0.5, 0.25 / 0.5))
    assert not caplog.messages
    unscaled = predictor.predict(image)
    predictor.logits(image)
    (said,) = caplog.messages
    assert "as if its pixels were 0.5 um wide" in said
    assert "give scale=(HEIGHT / 0.5, WIDTH / 0.5), those of its pixels in um" in said
    assert np.array_equal(predictor.predict(image, (1.0, 1.0)), unscaled)


def test_predict_takes_sizes_from_files_and_names_the_key_where_there_are_none(tmp_path, trained, capsys):
    image = RANDOM.integers(0, 255, (24, 36), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, resolution=(40000, 40000), resolutionunit=3)
    Image.fromarray(image).save(tmp_path / "b.png")
    command = [str(trained), str(tmp_path / "a.tif"), str(tmp_path / "b.png"), "--output", str(tmp_path / "out")]
    assert predict_main([*command, "--table"]) == 1
    assert (
        "b.png: no pixel size is known; training resampled to 0.5 um; set data.pixel_size=…" in capsys.readouterr().err
    )
    predictor = load(trained)
    expected = predictor.predict(image[..., None], (0.5, 0.5))
    assert np.array_equal(tifffile.imread(tmp_path / "out/a.tif"), expected)
    assert predict_main([*command, "--table", "data.pixel_size=0.25"]) == 0
    with Image.open(tmp_path / "out/b.png") as mask:
        assert np.array_equal(np.asarray(mask), expected)
    with (tmp_path / "out/summary.csv").open() as file:
        assert [(row["picture"], row["pixel_width_um"]) for row in csv.DictReader(file)] == [
            *(("a.tif", "0.25"), ("b.png", "0.25")),
        ]


def test_training_fixed_the_size(trained):
    with pytest.raises(InputError, match=r"data\.resample=1: evaluate doesn't use data\.resample"):
        load(trained, overrides=["data.resample=1"], verb="evaluate")


def test_another_unit_than_that_of_training_is_refused(trained):
    with pytest.raises(InputError, match="training resampled in um"):
        load(trained, verb="evaluate", overrides=["data.unit=mm", "data.pixel_size=0.0005"])


def test_no_post_processing_is_chosen_on_pixels_of_another_size():
    with pytest.raises(InputError, match="set tune=false, and unet-lightning tune after"):
        config(*TRIAL, "data.resample=0.5", "data.pixel_size=0.25", "tune=true")
