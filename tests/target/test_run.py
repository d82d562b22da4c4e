"""A run that learns interiors and rims: its scores, files and ensembles know classes and objects alone."""

import json

import numpy as np
import pytest
import tifffile
import torch

from tests.small import SMALL, config
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.command.predict import main as predict
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.sampler import Draw
from unet_lightning.prediction.export import export
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.training.run import train

RIMS = (*SMALL, "target=boundary", "target.width=1", "trainer.precision=32-true")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rims")
    monitor = "trainer.callbacks.checkpoint.monitor=val/objects/pq"
    return folder, train(config(*RIMS, "trainer.max_epochs=3", "tune=true", monitor), folder)


def test_scores_and_what_evaluate_finds_are_of_classes_and_objects(run, tmp_path):
    folder, results = run
    checkpoint = folder / "checkpoints" / "best.ckpt"
    assert json.loads(tuned_path(checkpoint).read_text())["postprocess"]["_target_"].endswith(".Rims")
    assert set(results["test"]["pooled"]["dice"]["classes"]) == {"background", "cell"}
    assert results["test"]["pooled"]["dice"]["foreground"] > 0.5
    assert evaluate([str(checkpoint), "--output", str(tmp_path), "resamples=100"]) == 0
    found = json.loads((tmp_path / "evaluation.json").read_text())
    objects = results["test"]["objects"]["image_mean"]
    assert {name: found["objects"][name] for name in objects} == pytest.approx(objects)
    assert found["pooled"]["dice"]["classes"] == pytest.approx(results["test"]["pooled"]["dice"]["classes"])


def test_files_hold_classes_and_their_probabilities(run, tmp_path):
    folder, _ = run
    checkpoint, picture = folder / "checkpoints" / "best.ckpt", tmp_path / "picture.tif"
    predictor, data = load(checkpoint), build_data_module(config(*RIMS))
    image = data.store[data.dataset.split("test")[0]].image
    tifffile.imwrite(picture, image[..., 0])
    asked = ["--probabilities", "--instances"]
    assert predict([str(checkpoint), str(picture), "--output", str(tmp_path / "out"), *asked]) == 0
    classes, instances = (tifffile.imread(tmp_path / "out" / f"picture.{name}tif") for name in ("", "instances."))
    assert np.array_equal(classes, predictor.postprocess.final_classes(predictor.ids(image)))
    assert np.array_equal(instances, predictor.postprocess(predictor.ids(image)))
    assert classes.max() == 1
    logits = predictor.logits(image)
    assert logits.shape[0] == 2
    temperature = predictor.config["temperature"]
    assert temperature != 1
    shares = fold(predictor.all_outputs(image).softmax(0)) ** (1 / temperature)
    torch.testing.assert_close(logits.softmax(0), shares / shares.sum(0))
    written = torch.from_numpy(tifffile.imread(tmp_path / "out" / "picture.probabilities.tif"))
    torch.testing.assert_close(written, logits.softmax(0))


def fold(probabilities):
    """Probabilities of background, interior and rim (3, H, W) to those of two classes."""
    return torch.stack([probabilities[0], probabilities[1] + probabilities[2]])


@pytest.mark.parametrize("views", [[], ["tta=flips"]])
def test_no_temperature_changes_a_class(run, views):
    checkpoint, data = run[0] / "checkpoints" / "best.ckpt", build_data_module(config(*RIMS))
    image = data.store[data.dataset.split("test")[0]].image
    for value in (0.2, 1, 7):
        found = load(checkpoint, overrides=[*views, f"temperature={value}"])
        outputs = found.all_outputs(image).double().softmax(0)
        assert np.array_equal(found.predict(image), fold(outputs).argmax(0))
        assert np.array_equal(found.predict(image), found.logits(image).argmax(0))


def test_three_probabilities_by_hand_keep_their_class(run):
    predictor = load(run[0] / "checkpoints" / "best.ckpt", overrides=["temperature=2"])
    outputs = torch.tensor([0.6, 0.3, 0.1]).log().view(3, 1, 1)
    expected = torch.tensor([0.6**0.5, 0.4**0.5]) / (0.6**0.5 + 0.4**0.5)
    torch.testing.assert_close(predictor.class_logits(outputs).softmax(0).flatten(), expected)


def test_a_crop_holds_what_is_learned_as_far_as_its_edge():
    data = build_data_module(config(*RIMS, "data.ridge=0"))
    loader = data.train_dataloader()
    crop = loader.dataset[Draw(0, 0, 0)]
    plain = build_data_module(config(*SMALL, "trainer.precision=32-true", "data.ridge=0")).train_dataloader()
    same = plain.dataset[Draw(0, 0, 0)]
    assert torch.equal(crop["image"], same["image"])
    assert torch.equal(crop["weight"], same["weight"])
    assert torch.equal((crop["mask"] > 0).long(), same["mask"])
    assert set(crop["mask"].unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["target=boundary", "postprocess=watershed"], "set postprocess=rims"),
        (["target=boundary", "target.width=6"], "set postprocess.reach=6"),
        (["postprocess=rims"], "set postprocess=components, or train target=boundary"),
    ],
)
def test_a_post_processing_that_knows_no_rims_is_refused(overrides, said):
    with pytest.raises(InputError, match=said):
        config(*SMALL, *overrides)


def test_it_is_not_exported(run, tmp_path):
    with pytest.raises(InputError, match="export --to bioimageio, or train with target=classes"):
        export(load(run[0] / "checkpoints" / "best.ckpt"), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
