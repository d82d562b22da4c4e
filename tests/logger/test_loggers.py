"""Where a run's numbers, pictures and tables go, by the key `logger`."""

import csv
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import pytest
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.small import TRIAL, config
from unet_lightning.callback.resume import Resume
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.config.plain import config_hash, differences
from unet_lightning.error import InputError
from unet_lightning.logger.csv import Csv
from unet_lightning.logger.mlflow import MLflow, check_reachable
from unet_lightning.logger.wandb import Wandb
from unet_lightning.training.events import truncate_events
from unet_lightning.training.run import CommandLine, train


class Kept(CSVLogger):
    """A logger that isn't of this package."""

    def __init__(self):
        super().__init__(tempfile.mkdtemp())
        self.parameters, self.metrics = {}, {}

    def log_hyperparams(self, params):
        self.parameters |= params

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def save(self):
        pass


KEPT = []


def make_kept():
    KEPT.append(Kept())
    return KEPT[-1]


def run(folder, *overrides):
    return train(config(*TRIAL, *overrides), folder, CommandLine(choices={"loss": "ce"}))


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


SEVERAL = ["logger=[tensorboard,csv]", f"+logger.mine._target_={__name__}.make_kept", "trainer.log_every_n_steps=1"]


def test_several_loggers_get_the_same_numbers(tmp_path):
    results = run(tmp_path, *SEVERAL)
    events = EventAccumulator(str(tmp_path)).Reload()
    written = lines(tmp_path / "metrics.csv")
    assert {"val/pooled/dice/foreground", "classes/dice/cell", "train/loss"} <= {line["name"] for line in written}
    for line in (line for line in written if line["step"]):
        values = [e.value for e in events.Scalars(line["name"]) if e.step == int(line["step"])]
        assert any(float(line["value"]) == pytest.approx(value, rel=1e-6) for value in values)
    tags = events.Tags()
    assert any(tag.startswith("confusion/") for tag in tags["images"])
    assert {"scores/text_summary", "run/config/text_summary", "run/report/text_summary"} <= set(tags["tensors"])
    assert min(tags["scalars"]).startswith("at a glance/")
    for first, name in (
        ("loss, validation", "val/loss"),
        ("foreground Dice, validation", "val/pooled/dice/foreground"),
    ):
        shown, known = (events.Scalars(tag) for tag in (f"at a glance/{first}", name))
        assert [(e.step, e.value) for e in shown] == [(e.step, e.value) for e in known]
    dice = results["test"]["pooled"]["dice"]["foreground"]
    final = {line["name"]: float(line["value"]) for line in written if not line["step"]}
    assert final["final/test/dice"] == KEPT[0].metrics["final/test/dice"] == dice
    assert KEPT[0].parameters["loss"] == "ce"
    assert KEPT[0].parameters["model.depth"] == 1


def test_the_columns_of_hparams_are_what_was_typed(tmp_path):
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data

    secret = "+logger.mlflow.tracking_uri=http://me:secret@host"
    typed = ["loss=dice", "data.batch_size=2", "run=a", secret, "+trainer.callbacks.curves={_target_:x}"]
    train(config(*TRIAL, *typed[:2]), tmp_path, CommandLine(overrides=typed, choices={"loss": "dice", "model": "unet"}))
    events = EventAccumulator(str(tmp_path)).Reload()
    content = events.PluginTagToContent("hparams")[SESSION_START_INFO_TAG]
    found = parse_session_start_info_plugin_data(content).hparams
    assert {name: value.string_value or value.number_value for name, value in found.items()} == {
        "loss": "dice",
        "data.batch_size": 2,
    }
    for tag in ("run/config/text_summary", "run/report/text_summary"):
        page = events.Tensors(tag)[0].tensor_proto.string_val[0]
        assert b"dice" in page
        assert b"logger" not in page
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.glob("events*"))


def test_without_a_logger_a_run_leaves_all_but_curves(tmp_path):
    assert run(tmp_path, "logger=none")["status"] == "finished"
    assert (tmp_path / "report.md").is_file()
    assert not list(tmp_path.glob("events*"))
    assert not (tmp_path / "metrics.csv").exists()


def test_a_run_that_goes_on_cuts_the_lines_after_its_checkpoint(tmp_path):
    logger = Csv(tmp_path)
    logger.log_metrics({"loss": 2.0}, 0)
    logger.finalize("success")
    before = logger.path.read_bytes()
    assert before.decode().split() == ["step,name,value", "0,loss,2.0"]
    state = {"metrics.csv": Resume(minutes=1)._grown(logger.path)}
    logger.log_metrics({"loss": 1.0}, 1)
    logger.flush()
    assert len(lines(logger.path)) == 2
    truncate_events(tmp_path, {"global_step": 1, "callbacks": {"Resume": {"events": state}}})
    assert logger.path.read_bytes() == before
    truncate_events(tmp_path, None)
    assert not logger.path.exists()


def test_loggers_change_no_result_and_so_no_hash():
    plain = config(*TRIAL)
    other = config(*TRIAL, "logger=mlflow", "logger.mlflow.experiment=mine")
    before = {key: value for key, value in plain.items() if key != "logger"}  # of a run from before there was the key
    assert config_hash(plain) == config_hash(other) == config_hash(before)
    assert not differences(before, other)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+trainer.logger=true", "chooses its loggers by logger=NAME"),
        ("+trainer.logger._target_=lightning.pytorch.loggers.CSVLogger", "+logger.NAME._target_=CLASS"),
        ("+trainer.default_root_dir=x", "run=NAME"),
        ("logger=tensorbord", "did you mean 'tensorboard'?"),
        ("logger=[csv,wandbb]", "did you mean 'wandb'?"),
        ("+logger.mine=3", "expected a logger with its class, logger.mine._target_=…"),
        ("+logger.tensorboard.folders=3", "logger.tensorboard.folders is not a key"),
        ("~logger", "expected one of conf/logger, or several: logger=[tensorboard,csv]"),
    ],
)
def test_what_is_refused_names_the_key_to_type(override, said):
    with pytest.raises(InputError) as error:
        resolve(compose([override]))
    assert said in str(error.value)


def test_a_package_that_is_missing_is_told_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"pip install 'unet-lightning\[mlflow\]'"):
        MLflow(tmp_path, "x", None, checkpoint=False)
    monkeypatch.setattr("lightning.pytorch.loggers.wandb._WANDB_AVAILABLE", False)
    with pytest.raises(InputError, match=r"pip install 'unet-lightning\[wandb\]'"):
        Wandb(tmp_path, "x", None, offline=True)


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def test_a_server_that_does_not_answer_is_told_without_its_password():
    with pytest.raises(InputError) as error:
        check_reachable(f"http://me:secret@127.0.0.1:{free_port()}")
    assert "logger.mlflow.tracking_uri=http://127.0.0.1:" in str(error.value)
    assert "secret" not in str(error.value)
    check_reachable("sqlite:///somewhere.db")


@contextmanager
def server(folder):
    """The address of a real MLflow server on this machine."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = ["server", "--port", port, "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/of_server.db"]
    start = [sys.executable, "-m", "mlflow", *map(str, words), "--artifacts-destination", f"{folder}/artifacts"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(start, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(2000):
            try:
                check_reachable(address)
                break
            except InputError:
                time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@pytest.mark.parametrize("where", ["server", "store"])
def test_mlflow_keeps_curves_pictures_tables_and_parameters(tmp_path, monkeypatch, where):
    pytest.importorskip("mlflow", reason="MLflow isn't installed: pip install 'unet-lightning[mlflow]'")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    store = f"sqlite:///{tmp_path}/mlflow.db"
    with server(tmp_path) if where == "server" else contextmanager(lambda: (yield store))() as uri:
        results = run(folder, "logger=mlflow", f"logger.mlflow.tracking_uri={uri}")
        client = MlflowClient(uri)
        (found,) = client.search_runs([client.get_experiment_by_name("unet-lightning").experiment_id])
        dice = results["test"]["pooled"]["dice"]["foreground"]
        assert found.data.metrics["final/test/dice"] == pytest.approx(dice)
        assert found.data.params["model.depth"] == "1"
        assert found.info.status == "FINISHED"
        names = [file.path for file in client.list_artifacts(found.info.run_id)]
        assert {"scores.json", "curves", "images"} <= set(names)
        again = MLflow(folder, "unet-lightning", uri, checkpoint=False)  # as a run that goes on
        again.begin()
        again.hyperparameters({"model.depth": 1, "trainer.max_epochs": 99, "new": True}, {"final/test/dice": 0.5}, ())
        data = client.get_run(found.info.run_id).data
        assert (data.params["model.depth"], data.params["new"]) == ("1", "True")
        assert data.params["trainer.max_epochs"] != data.tags["trainer.max_epochs"] == "99"
        assert data.metrics["final/test/dice"] == 0.5
        assert client.get_run(found.info.run_id).info.status == "RUNNING"
        assert len(client.search_runs([found.info.experiment_id])) == 1


def test_wandb_writes_its_files_offline(tmp_path):
    pytest.importorskip("wandb", reason="Weights & Biases isn't installed: pip install 'unet-lightning[wandb]'")
    run(tmp_path, "logger=wandb", "logger.wandb.offline=true")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    content = next(folder.glob("run-*.wandb")).read_bytes()
    for word in (b"final/test/dice", b"classes/dice/cell", b"precision-recall/cell", b"confusion/"):
        assert word in content
    assert list(folder.glob("files/media/images/**/*.png"))
    assert list(folder.glob("files/media/table/**/*.json"))
