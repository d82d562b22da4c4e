import json

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.runtime.test_lock import another_process
from tests.small import SMALL, TINY_NETWORK, TRIAL, config, train
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.metric.instance import aggregated_jaccard
from unet_lightning.metric.overlap import overlaps
from unet_lightning.metric.semantic import summary
from unet_lightning.page.picture import panel
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.prediction.load import load
from unet_lightning.runtime.device import choose_precision
from unet_lightning.runtime.lock import LOCK
from unet_lightning.training import report
from unet_lightning.training.build import build
from unet_lightning.training.run import train as train_run
from unet_lightning.training.score import load_weights


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
    assert stored["test"]["otsu"]["pooled"]["iou"]["classes"]["cell"] > 0
    assert not list(folder.glob("*.part"))


def test_the_report_shows_its_pictures(trained):
    folder, _ = trained
    text = (folder / "report.md").read_text()
    for name in ("worst", "median", "best"):
        assert f"(pictures/{name}.png)" in text
        assert (folder / "pictures" / f"{name}.png").stat().st_size > 1000
    assert "| test, cell |" in text


def test_objects_are_scored_where_the_set_has_them(trained):
    folder, results = trained
    predictor = load(folder / "checkpoints" / "best.ckpt")
    built = build(config(*SMALL))
    tables = []
    for record in built.data.dataset.split("test"):
        sample = built.data.store[record]
        tables.append(overlaps(sample.instances, built.task.inference.postprocess(predictor.predict(sample.image))))
    objects = results["test"]["objects"]
    assert objects["image_mean"]["aji"] == pytest.approx(np.mean([aggregated_jaccard(table) for table in tables]))
    assert objects["counts"]["references"] == sum(len(table.references) for table in tables)
    assert 0 < objects["image_mean"]["aji"] < 1
    assert "AJI" in (folder / "report.md").read_text()


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
    images = sorted({tag.split("/")[0] for tag in events.Tags()["images"]})
    assert images == ["confusion", "training", "validation"]
    assert sum(tag.startswith("validation/") for tag in events.Tags()["images"]) == 2
    assert sum(tag.startswith("training/") for tag in events.Tags()["images"]) == 8
    assert "precision-recall/cell" in events.Tags()["tensors"]
    assert {"classes/dice/cell", "final/test/dice"} <= set(scalars)
    rates = [event.value for event in events.Scalars("lr-AdamW")]
    assert max(rates) > 10 * rates[-1]


def test_a_loaded_checkpoint_predicts_what_validation_predicted(trained):
    folder, results = trained
    predictor = load(folder / "checkpoints" / "best.ckpt")
    built = build(config(*SMALL))
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
    predictor = load(trained[0] / "checkpoints" / "best.ckpt")
    with pytest.raises(InputError, match=r"expected \(H, W, 1\)"):
        predictor.predict(np.zeros((8, 8, 3), np.uint8))


def test_scores_do_not_depend_on_batch_size_tile_or_reloading(trained):
    folder, results = trained
    for override in ("data.batch_size=1", "tile=512"):
        built = build(config(*SMALL, override, "trainer.precision=32-true"), folder / "again")
        load_weights(built.task, results["checkpoint"])
        built.trainer.test(built.task, built.data, verbose=False)
        scores = summary(built.task.confusions["test"], built.data.dataset.classes)
        found, expected = scores["pooled"]["dice"]["mean"], results["test"]["pooled"]["dice"]["mean"]
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
    [
        "optimizer=sgd",
        "schedule=constant",
        "schedule=poly",
        "normalize=none",
        "augment=flip",
        "loss=dice",
        "loss=ce_dice",
    ],
)
def test_every_other_option_trains_a_step(tmp_path, override):
    results = train(tmp_path, "trainer.fast_dev_run=true", override)
    assert results["status"] == "finished"


def test_a_run_that_stops_half_way_is_not_called_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "markdown", lambda results: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, "trainer.fast_dev_run=true")
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "running"


@pytest.mark.parametrize(
    ("wanted", "accelerator", "expected"), [("32-true", "cpu", "32-true"), ("bf16-mixed", "gpu", "bf16-mixed")]
)
def test_a_given_precision_is_kept(wanted, accelerator, expected):
    assert choose_precision(wanted, accelerator, torch.nn.Identity()) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_precision_follows_the_processor(monkeypatch, supported, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_precision("auto", "cpu", torch.nn.Identity()) == expected
    assert choose_precision("auto", "cpu", torch.nn.InstanceNorm2d(3)) == "32-true"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.classes=[cell]", "names 1 classes; expected 2 to 256"),
        ("data.classes=[a,a]", "data.classes are not distinct: a"),
        ("optimizer.lr=-1", "optimizer: Invalid learning rate: -1"),
        ("loss=ce_dice ~loss.factors.dice", "loss.factors names"),
        ("trainer.accelerator=foo", "lightning.pytorch.Trainer"),
        ("normalize=percentile normalize.low=99 normalize.high=1", r"normalize\.low=99"),
        ("weight=balanced weight.method=given", r"weight\.classes"),
    ],
)
def test_what_only_a_part_itself_can_refuse_is_an_input_error(override, words):
    with pytest.raises(InputError, match=words):
        build(config(*SMALL, *override.split()))


def test_a_run_without_an_end_needs_to_know_its_steps(tmp_path):
    with pytest.raises(InputError, match=r"trainer\.max_epochs"):
        train(tmp_path, "trainer.max_epochs=-1", "trainer.max_time=00:00:00:05")


def test_a_test_split_that_is_not_scored_is_left_out(tmp_path):
    results = train(tmp_path, "trainer.max_epochs=1", "trainer.limit_test_batches=0")
    assert "test" not in results
    assert "val" in results


def test_a_run_without_a_validation_split_to_choose_by_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"trainer\.limit_val_batches=0: expected a share above 0"):
        train(tmp_path, "trainer.limit_val_batches=0")


def test_captions_and_pictures_come_from_the_same_prediction(trained):
    folder, results = trained
    predictor = load(folder / "checkpoints" / "best.ckpt")
    built = build(config(*SMALL))
    for entry in results["pictures"]:
        path, name, dice = entry["file"], entry["caption"].split(",")[0], float(entry["caption"].split(" ")[-1])
        record = next(r for r in built.data.dataset.records if r.id == name)
        sample = built.data.store[record]
        prediction = predictor.predict(sample.image)
        overlap = 2 * (prediction * sample.mask).sum() / (prediction.sum() + sample.mask.sum())
        assert overlap == pytest.approx(dice, abs=1e-4)
        shown = cv2.imread(str(folder / path))[..., ::-1]
        expected = panel(sample.image, sample.mask, prediction, sample.valid, built.data.dataset.colors)
        assert np.array_equal(shown, expected)


@pytest.mark.parametrize("upsample", ["transposed", "nearest", "bilinear", "bicubic", "unpool"])
@pytest.mark.parametrize("fusion", ["concat", "add"])
@pytest.mark.parametrize("convolution", ["same", "valid"])
def test_every_network_runs_with_the_crop_people_leave_alone(tmp_path, upsample, fusion, convolution):
    choice = [f"upsample={upsample}", f"fusion={fusion}", f"model.convolution={convolution}", "model.depth=3"]
    few = ["data.number=5", "data.batch_size=1", "model.base_channels=4"]
    results = train(tmp_path, "trainer.fast_dev_run=true", "data.crop=50", *few, *choice)
    assert results["status"] == "finished"


def test_the_paper_network_runs_with_the_default_crop():
    crop = compose([]).data.crop
    built = build(config(*SMALL, "model=paper", f"data.crop={crop}", "model.depth=4", "model.base_channels=2"))
    batch = next(iter(built.data.train_dataloader()))
    assert batch["mask"].shape[-2:] == built.data.crop >= (crop, crop)
    assert built.task.network(batch["image"]).shape[-2:] == built.data.crop


def test_a_compiled_step_is_that_of_the_network_dropout_included(tmp_path):
    """The gradient alone moves the weights here, by the whole of it."""
    steepest = ["optimizer=sgd", "optimizer.lr=1", "optimizer.momentum=0", "optimizer.nesterov=false"]
    step = [*steepest, "schedule=constant", "trainer.max_steps=1", *TINY_NETWORK, "model.dropout=0.5"]
    found = {}
    for compiled in ("true", "false"):
        path = train(tmp_path / compiled, f"compile={compiled}", *step)["checkpoint"]
        found[compiled] = torch.load(path, weights_only=True)["state_dict"]
    assert all(key.startswith("network.") for key in found["false"])
    torch.testing.assert_close(found["true"], found["false"], rtol=1e-4, atol=1e-5)


def test_training_moves_the_epoch_of_the_draws(tmp_path, monkeypatch):
    from unet_lightning.pipeline.sampler import EpochSampler

    epochs = set()
    original = EpochSampler.__iter__
    monkeypatch.setattr(EpochSampler, "__iter__", lambda self: (epochs.add(self.epoch), original(self))[1])
    train_run(config(*TRIAL, "trainer.max_epochs=3"), tmp_path)
    assert epochs == {0, 1, 2}


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "torch.hub.load", "builtins.open", "unet_lightning.prediction.load.load"),
        *("unet_lightning.page.picture.encode_png", "unet_lightning.model.block.block", 3),
    ],
)
@pytest.mark.parametrize("place", ["normalize", "model.upsample", "model.list.0"])
def test_a_checkpoint_cannot_name_what_is_built(tmp_path, trained, target, place):
    content = torch.load(trained[1]["checkpoint"], weights_only=True)
    node = content["unet_lightning"]["config"]
    node["model"]["list"] = [{}]
    for key in place.split("."):
        node = node[int(key) if key.isdigit() else key]
    node["_target_"] = target
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises(InputError, match="no class of unet_lightning"):
        load(tmp_path / "bad.ckpt")


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, [1], b"not a checkpoint", print])
def test_a_foreign_file_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=r"x\.ckpt: not a checkpoint"):
        load(path)


def write_folder(root, splits=("",)):
    for n, split in enumerate(splits):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for k in range(6):
            mask = np.zeros((40, 30), np.uint8)
            mask[5 + k : 20 + k, 5:20] = 1
            cv2.imwrite(str(root / split / "images" / f"{k}.png"), mask * 50 + 10 * n + k)
            cv2.imwrite(str(root / split / "masks" / f"{k}.png"), mask)


def test_a_folder_of_ones_own_trains_to_the_end(tmp_path):
    write_folder(tmp_path / "set")
    options = ["data=folder", f"data.root={tmp_path / 'set'}", "data.crop=16", "data.num_workers=0"]
    short = ["model.depth=1", "trainer.max_epochs=1", "trainer.enable_progress_bar=false"]
    results = train_run(config(*options, *short), tmp_path / "run")
    assert results["test"]["images"] == 1
    assert "foreground" in results["test"]["pooled"]["dice"]["classes"]
    assert "| test, foreground |" in (tmp_path / "run" / "report.md").read_text()


def test_equal_names_in_the_split_folders_are_different_pictures(tmp_path):
    write_folder(tmp_path, ("train", "val", "test"))
    data = build_data_module(config("data=folder", f"data.root={tmp_path}"))
    for n, split in enumerate(("train", "val", "test")):
        for record in data.dataset.split(split):
            assert data.store[record].image[0, 0, 0] == 10 * n + int(record.image.stem)
    assert data.statistics.images == 6


def test_a_folder_with_mistakes_stops_before_training_with_all_of_them(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for k in range(6):
        cv2.imwrite(str(tmp_path / "images" / f"{k}.png"), np.zeros((20, 20), np.uint8))
        cv2.imwrite(str(tmp_path / "masks" / f"{k}.png"), np.full((20, 20 + (k == 2)), 3 if k == 4 else 0, np.uint8))
    with pytest.raises(InputError) as caught:
        build(config("data=folder", f"data.root={tmp_path}"))
    assert "2.png: mask is 20x21, its image is 20x20" in str(caught.value)
    assert "4.png: mask holds values {3}" in str(caught.value)


def test_a_run_that_ends_before_its_first_validation_keeps_its_last_step(tmp_path):
    results = train_run(config(*SMALL, "trainer.max_steps=2"), tmp_path)
    assert results["checkpoint"] == str(tmp_path / "checkpoints" / "best.ckpt")
    stored = torch.load(results["checkpoint"], weights_only=True)
    assert stored["global_step"] == 2
    assert load(results["checkpoint"]).predict(np.zeros((40, 40, 1), np.uint8)).shape == (40, 40)


def test_a_run_that_another_process_trains_is_left_alone(tmp_path):
    (tmp_path / "results.json").write_text('{"status": "running"}')
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    with another_process(tmp_path), pytest.raises(InputError, match="is in use by process"):
        train(tmp_path)
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != LOCK}
