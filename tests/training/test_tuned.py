"""`tune=true` chooses at the end of a run what `unet-lightning tune` would choose after it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.small import SMALL, config
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.error import InputError
from unet_lightning.evaluation import tune
from unet_lightning.metric.instance import panoptic_quality
from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.metric.semantic import class_scores, confusion_matrix
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.training import tuned
from unet_lightning.training.build import scores_objects
from unet_lightning.training.run import train


def test_the_verb_chooses_the_same_and_evaluate_finds_the_same_scores(tmp_path, monkeypatch):
    monkeypatch.setattr(tune, "NECKS", (1.0,))
    monkeypatch.setattr(tune, "PERCENTILES", (0, 5))
    results = train(config(*SMALL, "trainer.max_epochs=2", "tune=true", "trainer.precision=32-true"), tmp_path)
    checkpoint = tmp_path / "checkpoints" / "best.ckpt"
    stored = json.loads(tuned_path(checkpoint).read_text())
    assert results["tuned"] == stored
    found = tune.tune(load(checkpoint, verb="tune", fixed=["split=val"])).content()
    approximate = {name: pytest.approx(stored[name], rel=1e-3) for name in ("score", "temperature")}
    assert found == stored | approximate
    assert load(checkpoint).config["temperature"] == stored["temperature"] != 1
    assert evaluate([str(checkpoint), "--output", str(tmp_path / "evaluation"), "resamples=100"]) == 0
    found = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    objects = results["test"]["objects"]["image_mean"]
    assert {name: found["objects"][name] for name in objects} == pytest.approx(objects)
    assert found["pooled"]["dice"]["classes"] == pytest.approx(results["test"]["pooled"]["dice"]["classes"])


@pytest.mark.parametrize(("margin", "views"), [(-1.0, 4), (1.0, 1)])
def test_views_are_averaged_where_they_score_better(tmp_path, monkeypatch, margin, views):
    monkeypatch.setattr(tune, "NECKS", ())
    monkeypatch.setattr(tune, "PERCENTILES", (0,))
    monkeypatch.setattr(tuned, "ENOUGH", margin)  # by which they must be better: always, or never
    results = train(config(*SMALL, "trainer.max_epochs=1", "tune=views", "trainer.precision=32-true"), tmp_path)
    found = load(tmp_path / "checkpoints" / "best.ckpt")
    assert len(found.tta.views) == views
    assert ("tta" in results["tuned"]) == (views == 4)
    data = build_data_module(config(*SMALL))
    images = [data.store[record] for record in data.dataset.split("test")]
    matrices = [
        confusion_matrix(torch.from_numpy(found.predict(one.image).astype(int)), *labels(one), 2) for one in images
    ]
    dice = class_scores(torch.stack(matrices).sum(0)[None])["dice"][0, 1]
    assert results["test"]["pooled"]["dice"]["foreground"] == pytest.approx(float(dice), abs=2e-4)


def labels(sample):
    """Mask and what is valid, as tensors."""
    return torch.from_numpy(sample.mask.astype(int)), torch.from_numpy(sample.valid)


def test_the_best_checkpoint_is_chosen_by_its_objects(tmp_path):
    monitor = "trainer.callbacks.checkpoint.monitor=val/objects/pq"
    train(config(*SMALL, "trainer.max_epochs=3", monitor, "trainer.precision=32-true"), tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    seen = {event.value: event.step for event in reversed(events.Scalars("val/objects/pq"))}
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["global_step"] - 1 == seen[max(seen)]
    predictor = load(tmp_path / "checkpoints" / "best.ckpt", verb="tune", fixed=["split=val"])
    dataset = find_dataset(predictor.config)
    samples = [dataset.read(record) for record in dataset.split("val")]
    objects = [predictor.postprocess(predictor.predict(sample.data)) for sample in samples]
    pairs = zip(samples, objects, strict=True)
    quality = [panoptic_quality(overlaps(s.instances, drop_ignored(s.instances, o, s.valid))) for s, o in pairs]
    assert np.mean(quality) == pytest.approx(max(seen), abs=1e-4)


def test_a_set_without_objects_has_no_score_of_them(tmp_path, monkeypatch):
    plain = config(*SMALL, "trainer.callbacks.checkpoint.monitor=val/objects/pq")
    data = build_data_module(plain)
    monkeypatch.setattr(data, "store", {r: replace(data.store[r], instances=None) for r in data.dataset.records})
    with pytest.raises(InputError, match=r"no objects; set trainer\.callbacks\.checkpoint\.monitor=val/pooled"):
        scores_objects(plain, data)
