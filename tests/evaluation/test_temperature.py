"""The temperature: what is found of logits that are too large by a known factor, and what it changes."""

import csv
import json
import shutil

import numpy as np
import pytest
import tifffile
import torch
from scipy.optimize import minimize_scalar

from tests.small import SMALL, config
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.command.predict import main as predict
from unet_lightning.command.tune import main as tune
from unet_lightning.error import InputError
from unet_lightning.evaluation import temperature
from unet_lightning.evaluation.paired import check_protocol
from unet_lightning.evaluation.protocol import read_evaluation
from unet_lightning.evaluation.temperature import TemperatureFit
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.prediction.export import description
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.target.boundary import Boundary
from unet_lightning.target.classes import Classes


def drawn(classes, seed=0, side=300):
    """Logits (K, side, side) and classes drawn by their softmax: calibrated as they are."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(classes, side, side, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(0).flatten(1).T, 1, generator=generator)
    return logits, labels.view(side, side).numpy()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_a_known_factor_is_found(classes, factor):
    fit = TemperatureFit(Classes())
    for seed in range(3):
        logits, labels = drawn(classes, seed)
        fit.add(factor * logits, labels, np.ones(labels.shape, bool))
    assert fit.best() == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize("target", [Classes(), Boundary(1)])
def test_it_is_the_minimum_of_the_likelihood_written_out(target):
    outputs, labels = drawn(3)
    outputs = outputs * torch.tensor([2.0, 3.0, 1.5])[:, None, None]
    labels = labels.clip(0, 1) if isinstance(target, Boundary) else labels  # background, interior and rim: 2 classes
    valid = np.arange(300) < np.full((300, 1), 170)
    fit = TemperatureFit(target)
    fit.add(outputs, labels, valid)

    shares = outputs.double().softmax(0)
    shares = torch.stack([shares[0], shares[1:].sum(0)]) if isinstance(target, Boundary) else shares

    def loss(t):
        powers = shares ** (1 / t)
        chosen = (powers / powers.sum(0)).gather(0, torch.from_numpy(labels)[None].long())[0]
        return -float(chosen.log()[torch.from_numpy(valid)].mean())

    expected = minimize_scalar(loss, bounds=(0.5, 5), method="bounded", options={"xatol": 1e-5}).x
    assert fit.best() == pytest.approx(expected, rel=2e-3)


def test_images_weigh_by_their_labelled_pixels(monkeypatch):
    monkeypatch.setattr(temperature, "MOST", 10_000)  # the large one is thinned and weighs as much
    pairs = [(3.0, *drawn(2, 0)), (0.4, *drawn(2, 1, side=100))]
    fit = TemperatureFit(Classes())
    for factor, logits, labels in pairs:
        fit.add(factor * logits, labels, np.ones(labels.shape, bool))
    pixels = np.concatenate([factor * (logits[1] - logits[0]).double().numpy().ravel() for factor, logits, _ in pairs])
    signs = np.concatenate([2.0 * labels.ravel() - 1 for _, _, labels in pairs])

    def loss(t, counts):
        return np.average(np.logaddexp(0, -signs * pixels / t), weights=counts)

    def least(counts):
        return minimize_scalar(lambda t: loss(t, counts), bounds=(0.2, 5), method="bounded").x

    assert fit.best() == pytest.approx(least(np.ones(100_000)), rel=0.03)
    assert least(np.repeat([1 / 90_000, 1 / 10_000], [90_000, 10_000])) < 0.8 * fit.best()  # images that count alike


class OnADeviceWithoutFloat64(torch.Tensor):
    """A tensor that refuses float64 until it is on the processor, as those of MPS do."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        found = super().__torch_function__(func, types, args, kwargs)
        if isinstance(found, cls) and found.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        return found


@pytest.mark.parametrize("target", [Classes(), Boundary(1)])
def test_a_device_needs_no_float64(target):
    outputs, labels = drawn(3, side=40)
    fits = TemperatureFit(target), TemperatureFit(target)
    everything = np.ones(labels.shape, bool)
    for fit, kind in zip(fits, (torch.Tensor, OnADeviceWithoutFloat64), strict=True):
        fit.add(outputs.as_subclass(kind), labels.clip(0, 1), everything)
    assert np.array_equal(fits[0].losses, fits[1].losses)


def test_an_image_that_is_large_is_thinned(monkeypatch):
    logits, labels = drawn(2)
    everything = np.ones(labels.shape, bool)
    whole, thinned = TemperatureFit(Classes()), TemperatureFit(Classes())
    whole.add(2 * logits, labels, everything)
    monkeypatch.setattr(temperature, "MOST", 20_000)
    thinned.add(2 * logits, labels, everything)
    assert thinned.losses == pytest.approx(whole.losses, rel=0.03)
    assert not np.array_equal(thinned.losses, whole.losses)
    assert thinned.best() == pytest.approx(whole.best(), rel=0.05)


def test_where_nothing_tells_it_is_one():
    fit = TemperatureFit(Classes())
    assert fit.best() == 1
    fit.add(torch.zeros(2, 4, 4), np.ones((4, 4), int), np.zeros((4, 4), bool))
    assert fit.best() == 1
    fit.add(torch.zeros(2, 4, 4), np.ones((4, 4), int), np.ones((4, 4), bool))
    assert fit.best() == 1


@pytest.fixture
def image():
    data = build_data_module(config(*SMALL))
    return data.store[data.dataset.split("test")[0]].image


@pytest.mark.parametrize("overrides", [[], ["tta=flips"], ["tiling=nnunet", "tta=flips", "tta.average=logits"]])
def test_it_changes_no_class_and_sharpens_or_softens_probabilities(checkpoint, image, overrides):
    plain = load(checkpoint, overrides=overrides)
    outputs = plain.all_outputs(image)
    for value in (0.2, 1, 7):
        found = load(checkpoint, overrides=[*overrides, f"temperature={value}"])
        assert torch.equal(found.all_outputs(image), outputs)
        assert np.array_equal(found.predict(image), plain.predict(image))
        torch.testing.assert_close(found.logits(image), outputs / value)
        assert torch.equal(found.logits(image).argmax(0), plain.logits(image).argmax(0))
    assert torch.equal(load(checkpoint, overrides=[*overrides, "temperature=1"]).logits(image), plain.logits(image))


def copied(checkpoint, folder, **more):
    """A copy of the checkpoint, with a choice of a post-processing beside it."""
    folder.mkdir()
    shutil.copy(checkpoint, folder / "best.ckpt")
    chosen = {"postprocess": load(checkpoint).config["postprocess"] | {"min_size": 77}}
    tuned_path(folder / "best.ckpt").write_text(json.dumps(chosen | more))
    return folder / "best.ckpt"


def test_what_was_tuned_is_used_and_can_be_overridden(checkpoint, tmp_path):
    path, before = copied(checkpoint, tmp_path / "a", temperature=2.5), copied(checkpoint, tmp_path / "b")
    for overrides, found, size in (
        ([], 2.5, 77),
        (["temperature=1"], 1, 77),
        (["postprocess=none"], 2.5, 0),
        (["tta=flips"], 2.5, 77),
    ):
        predictor = load(path, overrides=overrides)
        assert (predictor.config["temperature"], predictor.postprocess.min_size) == (found, size)
    assert load(path, verb="export").config["temperature"] == 2.5
    assert load(path, verb="tune", fixed=["split=val"]).config["temperature"] == 1  # it is fitted anew
    assert load(before).config["temperature"] == load(checkpoint).config["temperature"] == 1
    assert load(before).postprocess.min_size == 77
    assert load(path, before).config["temperature"] == 1  # that of one isn't that of a mean


def test_what_was_fitted_to_views_counts_where_they_are_averaged(checkpoint, tmp_path, caplog):
    flips = config(*SMALL, "tta=flips")["tta"]
    path = copied(checkpoint, tmp_path / "a", temperature=2.5, tta=flips)
    for overrides, found, views in (
        ([], 2.5, 4),
        (["postprocess=none"], 1, 1),
        (["postprocess=none", "tta=flips"], 2.5, 4),  # what the log says to do
        (["tta=flips"], 2.5, 4),
        (["tta=none"], 1, 1),
        (["tta=flips", "tta.average=logits"], 1, 4),
        (["postprocess=none", "temperature=3"], 3, 1),
    ):
        caplog.clear()
        with caplog.at_level("INFO"):
            predictor = load(path, overrides=overrides)
        assert (predictor.config["temperature"], len(predictor.tta.views)) == (found, views)
        assert ("views that aren't averaged here; with tta=flips they are" in caplog.text) == (found == 1)


@pytest.mark.parametrize("wrong", [0, -1, "1", True, None, [1], float("nan"), 1e9])
def test_a_damaged_temperature_is_named(checkpoint, tmp_path, wrong):
    path = copied(checkpoint, tmp_path / "a", temperature=wrong)
    with pytest.raises(InputError, match=r"best\.postprocess\.json: not what `unet-lightning tune` writes"):
        load(path)


def test_files_hold_probabilities_over_the_temperature(checkpoint, image, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", image[..., 0])
    shares = load(checkpoint).all_outputs(image).double().div(3).softmax(0).numpy()
    asked = ["--probabilities", "--instances", "--table", "temperature=3"]
    assert predict([str(checkpoint), str(tmp_path / "a.tif"), "--output", str(tmp_path / "out"), *asked]) == 0
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out" / "a.probabilities.tif"), shares, atol=1e-6)
    objects = tifffile.imread(tmp_path / "out" / "a.instances.tif")
    with (tmp_path / "out" / "objects.csv").open(newline="") as file:
        means = [float(row["mean_probability"]) for row in csv.DictReader(file)]
    assert means == pytest.approx([shares[1][objects == k].mean() for k in range(1, objects.max() + 1)], rel=1e-5)


def test_an_export_says_it(checkpoint):
    assert description(load(checkpoint, overrides=["temperature=1.5"], verb="export"))["temperature"] == 1.5


@pytest.mark.parametrize("typed", ["0", "-1", "hot", "1001"])
def test_a_wrong_one_is_refused(checkpoint, typed):
    with pytest.raises(InputError, match=rf"^temperature={typed}: "):
        load(checkpoint, overrides=[f"temperature={typed}"])


def test_tune_stores_it_and_evaluate_says_what_it_is_worth(checkpoint, tmp_path, caplog):
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    shutil.copytree(checkpoint.parents[1], tmp_path / "run")
    with caplog.at_level("INFO"):
        assert tune([str(path)]) == 0
    stored = json.loads(tuned_path(path).read_text())["temperature"]
    assert f"temperature {stored:g}; written to" in caplog.text
    typed = {"tuned": [], "plain": ["temperature=1"]}
    for name, overrides in typed.items():
        assert evaluate([str(path), "split=val", "resamples=100", *overrides, "--output", str(tmp_path / name)]) == 0
    tuned, plain = (read_evaluation(tmp_path / name) for name in typed)
    assert (tuned["protocol"]["temperature"], plain["protocol"]["temperature"]) == (stored, 1)
    assert tuned["calibration"]["ece"] < plain["calibration"]["ece"]
    assert tuned["per_image"] == plain["per_image"]
    assert tuned["objects"] == plain["objects"]
    bins = tuned["calibration"]["bins"]
    assert sum(one["pixels"] for one in bins) == np.sum(tuned["confusion"])
    total = sum(one["pixels"] * abs(one["accuracy"] - one["probability"]) for one in bins if one["pixels"])
    assert tuned["calibration"]["ece"] == pytest.approx(total / np.sum(tuned["confusion"]))
    low, high = tuned["calibration"]["interval"]
    assert low <= tuned["calibration"]["ece"] <= high
    check_protocol("a", tuned["protocol"], "b", plain["protocol"], [])  # compare has nothing to refuse
    assert "Calibration" in (tmp_path / "tuned" / "report.html").read_text()
    assert (tmp_path / "tuned" / "pictures" / "reliability.svg").is_file()
