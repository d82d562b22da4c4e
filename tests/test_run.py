import json

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unet_lightning import run
from unet_lightning.config import compose
from unet_lightning.error import InputError
from unet_lightning.metric.semantic import summary

SMALL = [
    "data=synthetic",
    "data.number=10",
    "data.height=72",
    "data.width=50",
    "data.cells=8",
    "data.crop=32",
    "data.batch_size=4",
    "data.num_workers=0",
    "data.crops_per_image=6",
    "tile=32",
    "model.depth=2",
    "model.base_channels=8",
    "trainer.max_epochs=6",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
]


def train(folder, *overrides):
    return run.train(compose([*SMALL, *overrides]), folder, list(overrides))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    return folder, train(folder)


def test_a_short_run_learns_to_segment_cells(trained):
    _, results = trained
    assert results["test"]["pooled"]["dice"]["foreground"] > 0.85
    assert results["test"]["images"] == 2


def test_results_are_finished_and_complete(trained):
    folder, results = trained
    stored = json.loads((folder / "results.json").read_text())
    assert stored["status"] == "finished"
    assert stored["test"]["pooled"] == results["test"]["pooled"]
    assert stored.keys() >= {"val", "test", "split_hash", "config_hash", "precision", "versions", "checkpoint"}
    assert stored["test"]["otsu"]["pooled"]["iou"]["cell"] > 0
    assert not list(folder.glob("*.part"))


def test_the_report_shows_its_pictures(trained):
    folder, _ = trained
    text = (folder / "report.md").read_text()
    for name in ("worst", "median", "best"):
        assert f"(pictures/{name}.png)" in text
        assert (folder / "pictures" / f"{name}.png").stat().st_size > 1000
    assert "| test, cell |" in text


def test_the_split_is_written(trained):
    folder, _ = trained
    lines = (folder / "split.csv").read_text().splitlines()
    assert lines[0] == "id,split,group,kind"
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["test"] * 2 + ["train"] * 6 + ["val"] * 2


def test_tensorboard_has_curves_rates_times_and_panels(trained):
    folder, _ = trained
    events = EventAccumulator(str(folder), size_guidance={"images": 0})
    events.Reload()
    scalars = events.Tags()["scalars"]
    wanted = {"train/loss", "val/loss", "time/data_share", "lr-AdamW", "val/pooled/dice/foreground"}
    assert wanted <= set(scalars)
    images = events.Tags()["images"]
    assert len(images) == 2
    assert images[0].startswith("validation/0")
    rates = [event.value for event in events.Scalars("lr-AdamW")]
    assert max(rates) > 10 * rates[-1]


def test_a_loaded_checkpoint_predicts_what_validation_predicted(trained):
    folder, results = trained
    predictor = run.load(folder / "checkpoints" / "best.ckpt")
    built = run.build(compose(SMALL))
    matrices = []
    for record in built.data.dataset.split("test"):
        sample = built.data.store[record]
        prediction = predictor.predict(sample.image)
        pairs = sample.mask.astype(int) * 2 + prediction
        matrices.append(np.bincount(pairs.ravel(), minlength=4).reshape(2, 2))
    scores = summary(torch.tensor(np.array(matrices)), predictor.classes)
    assert scores["pooled"] == results["test"]["pooled"]


def test_a_checkpoint_loads_without_unpickling_anything_and_says_what_it_is(trained):
    folder, _ = trained
    content = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    identity = content["unet_lightning"]
    assert identity["classes"] == ["background", "cell"]
    assert identity["geometry"]["multiple"] == 4
    assert identity["statistics"]["channels"] == 1
    assert identity["config"]["seed"] == 0


def test_another_number_of_channels_is_refused(trained):
    predictor = run.load(trained[0] / "checkpoints" / "best.ckpt")
    with pytest.raises(InputError, match=r"expected \(H, W, 1\)"):
        predictor.predict(np.zeros((8, 8, 3), np.uint8))


def test_scores_do_not_depend_on_batch_size_or_tile(trained):
    folder, results = trained
    for override in ("data.batch_size=1", "tile=512"):
        built = run.build(compose([*SMALL, override, "trainer.precision=32-true"]), folder / "again")
        run.load_weights(built.task, results["checkpoint"])
        built.trainer.test(built.task, built.data, verbose=False)
        scores = summary(built.task.results["semantic"], built.data.dataset.classes)
        found, expected = scores["pooled"]["dice"]["cell"], results["test"]["pooled"]["dice"]["cell"]
        assert found == pytest.approx(expected, abs=2e-3)  # the run itself may have used bf16
        if override == "data.batch_size=1":
            exact = scores
        else:
            assert scores["pooled"] == exact["pooled"]


def test_the_same_seed_gives_the_same_run(tmp_path):
    short = ["trainer.max_epochs=1", "data.crops_per_image=2"]
    first, second = (train(tmp_path / name, *short) for name in "ab")
    other = train(tmp_path / "c", *short, "seed=1", "data.seed=0")
    assert first["test"] == second["test"]
    assert first["test"] != other["test"]


@pytest.mark.parametrize("overrides", [[], ["model=paper", "model.base_channels=4", "model.depth=2"]])
def test_fast_dev_run_writes_results_too(tmp_path, overrides):
    train(tmp_path, "trainer.fast_dev_run=true", *overrides)
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    "override",
    ["optimizer=sgd", "schedule=constant", "schedule=poly", "normalize=none", "augment=flip", "loss=dice", "loss=ce"],
)
def test_every_other_option_trains_a_step(tmp_path, override):
    results = train(tmp_path, "trainer.fast_dev_run=true", override)
    assert results["status"] == "finished"


def test_a_run_that_stops_half_way_is_not_called_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(run.report, "markdown", lambda results: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, "trainer.fast_dev_run=true")
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "running"


@pytest.mark.parametrize(
    ("wanted", "accelerator", "expected"), [("32-true", "cpu", "32-true"), ("bf16-mixed", "gpu", "bf16-mixed")]
)
def test_a_given_precision_is_kept(wanted, accelerator, expected):
    assert run.choose_precision(wanted, accelerator) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_precision_follows_the_processor(monkeypatch, supported, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert run.choose_precision("auto", "cpu") == expected


def test_one_class_is_refused():
    with pytest.raises(InputError, match="names 1 classes; expected 2 to 256"):
        run.build(compose([*SMALL, "data.classes=[cell]"]))


def test_a_folder_with_mistakes_stops_before_training_with_all_of_them(tmp_path):
    import cv2

    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for k in range(6):
        cv2.imwrite(str(tmp_path / "images" / f"{k}.png"), np.zeros((20, 20), np.uint8))
        cv2.imwrite(str(tmp_path / "masks" / f"{k}.png"), np.full((20, 20 + (k == 2)), 3 if k == 4 else 0, np.uint8))
    with pytest.raises(InputError) as caught:
        run.build(compose(["data=folder", f"data.root={tmp_path}"]))
    assert "2.png: mask is 20x21, its image is 20x20" in str(caught.value)
    assert "4.png: mask holds values {3}" in str(caught.value)
