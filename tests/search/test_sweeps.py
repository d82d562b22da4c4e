"""Sweeps as typed: basic in this process, joblib in others, Optuna; what breaks, what is skipped, what is repeated."""

import json
import math
import shutil
import sys

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from tests.runtime.test_lock import another_process
from tests.small import TRIAL, config
from tests.typed import typed as command_line
from unet_lightning.cli import train as train_command
from unet_lightning.config.quote import quote
from unet_lightning.data import synthetic
from unet_lightning.error import InputError
from unet_lightning.pipeline.cache.shared import shared
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.runtime.lock import LOCK
from unet_lightning.runtime.slurm import wait_for_queue
from unet_lightning.search.grid import Grid
from unet_lightning.sweep.plan import is_due
from unet_lightning.sweep.trial import DIED, Trial, run_trial
from unet_lightning.training.run import CommandLine, train

SMALL = [*TRIAL, "hydra.sweep.dir=sweep"]
BROKEN = "data._target_=tests.search.test_sweeps.find"  # a trial breaks where the noise is 0.3


def find(classes: list[str], number: int, height: int, width: int, cells: int, noise: float, seed: int):
    if noise == 0.3:
        raise RuntimeError("out of luck\nin many words")
    return synthetic.find(classes, number, height, width, cells, noise, seed)


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Runs a sweep as typed, in this process; gives the exit code."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments, options=()):
        monkeypatch.setattr(sys, "argv", ["train.py", "-m", *options, *SMALL, *arguments])
        with pytest.raises(SystemExit) as caught:
            train_command()
        return int(caught.value.code)

    return start


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder in which `fusion=concat,add` was swept."""
    folder = tmp_path_factory.mktemp("once")
    assert command_line("train", "-m", *SMALL, "fusion=concat,add", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def swept(once, tmp_path):
    """The test's own folder with that sweep."""
    return shutil.copytree(once, tmp_path, dirs_exist_ok=True)


def results(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("sweep/*/results.json")}


def times(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("sweep/*/results.json")}


def test_a_broken_trial_loses_no_other_and_what_is_done_is_not_done_twice(sweep, tmp_path, capsys):
    typed = ("data.noise=0.1,0.3,0.2", BROKEN)
    assert sweep(*typed) == 1
    found = results(tmp_path)
    assert {name: found[name]["status"] for name in found} == {
        "data.noise=0.1": "finished",
        "data.noise=0.3": "failed",
        "data.noise=0.2": "finished",
    }
    assert found["data.noise=0.3"]["error"] == "RuntimeError: out of luck\nin many words"
    assert "RuntimeError: out of luck" in capsys.readouterr().out
    assert "out of luck" in (tmp_path / "sweep/data.noise=0.3/train.log").read_text()

    before = times(tmp_path)
    assert sweep(*typed, "launch=basic") == 1
    assert times(tmp_path) == before

    assert sweep(*typed, "retry=failed") == 1
    after = times(tmp_path)
    assert [name for name in after if after[name] != before[name]] == ["data.noise=0.3"]


def test_trials_of_one_process_read_the_data_once_and_end_as_runs_of_their_own(sweep, tmp_path, monkeypatch):
    read, decode = [], Store._decode
    monkeypatch.setattr(Store, "_decode", lambda store, record: read.append(record.id) or decode(store, record))
    assert sweep("fusion=concat,add") == 0
    assert len(read) == len(set(read)) == 5
    assert not shared.active
    assert not shared.found
    folders = tmp_path / "sweep" / "fusion=add", tmp_path / "alone"  # the second trial
    train(config(*TRIAL, "fusion=add"), folders[1], CommandLine())
    assert len(read) == 10
    second, alone = (json.loads((folder / "results.json").read_text()) for folder in folders)
    for split in ("val", "test"):
        assert json.dumps(second[split]) == json.dumps(alone[split])  # as text: a score may be nan
    weights, expected = (torch.load(folder / "checkpoints" / "best.ckpt")["state_dict"] for folder in folders)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.usefixtures("swept")
def test_a_stopped_sweep_does_what_is_missing(sweep, tmp_path):
    before = times(tmp_path)
    stopped = tmp_path / "sweep" / "fusion=add" / "results.json"
    stopped.write_text(json.dumps({"status": "running"}))
    assert sweep("fusion=concat,add", "seed=0,1") == 0  # other names: nothing of the first sweep is touched
    assert json.loads(stopped.read_text())["status"] == "running"
    assert sweep("fusion=concat,add") == 0
    assert json.loads(stopped.read_text())["status"] == "finished"
    assert times(tmp_path)["fusion=concat"] == before["fusion=concat"]
    plan = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert len(plan) == 6
    assert plan["fusion=add,seed=1"][-2:] == ["fusion=add", "seed=1"]


@pytest.mark.usefixtures("swept")
def test_results_of_another_config_are_not_overwritten(sweep, tmp_path, capsys):
    before = times(tmp_path)
    assert sweep("fusion=concat,add", "data.crop=8") == 2
    message = capsys.readouterr().err
    assert "data.crop=16, now 8" in message
    assert "run=" in message
    assert times(tmp_path) == before


def test_a_wrong_value_is_refused_before_anything_runs(sweep, tmp_path, capsys):
    assert sweep("data.batch_size=4,-1") == 2
    assert "data.batch_size=-1" in capsys.readouterr().err
    assert not results(tmp_path)
    assert sweep("optimizer.lr=interval(0.1,1)") == 2
    assert "search=tpe" in capsys.readouterr().err


def test_joblib_runs_trials_in_other_processes(sweep, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    from joblib.externals.loky import get_reusable_executor

    try:
        assert sweep("fusion=concat,add", "launch=joblib") == 0
    finally:
        get_reusable_executor().shutdown()  # its processes would wait for more
    found = results(tmp_path)
    assert {name: found[name]["status"] for name in found} == {"fusion=concat": "finished", "fusion=add": "finished"}
    assert found["fusion=add"]["choices"]["fusion"] == "add"
    assert not any("launch" in override for override in found["fusion=add"]["overrides"])


def test_tpe_resumes_tolerates_failures_and_scores_by_the_mean_over_seeds(sweep, tmp_path):
    optuna = pytest.importorskip("optuna")
    space = ("search=tpe", "data.noise=0.1,0.3", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "seed=0,1", BROKEN)
    sweep(*space, "search.trials=3")
    storage = f"sqlite:///{tmp_path}/sweep/search.db"
    study = optuna.load_study(study_name="search", storage=storage)
    assert len(study.trials) == 3
    distributions = study.trials[0].distributions
    left = study.ask(distributions)  # as a process leaves them that is killed while it trains, or while it asks
    study.ask()
    before = times(tmp_path)
    sweep(*space, "search.trials=6", "search.at_once=2")
    study = optuna.load_study(study_name="search", storage=storage)
    assert len(study.trials) == 7
    assert study.trials[left.number].state.name in ("COMPLETE", "FAIL")
    assert {name: stamp for name, stamp in times(tmp_path).items() if name in before} == before
    states = {trial.params.get("data.noise"): trial.state.name for trial in study.trials if trial.params}
    assert states == {"0.1": "COMPLETE", "0.3": "FAIL"}
    for trial in study.trials:
        if trial.state.name == "COMPLETE":
            own = [r for n, r in results(tmp_path).items() if f"lr={trial.params['optimizer.lr']}" in n]
            dice = [r["val"]["pooled"]["dice"]["foreground"] for r in own]
            assert len(dice) == 2
            assert trial.value == pytest.approx(sum(dice) / 2)


class Engine:
    """A launcher that loses all its trials when one dies, as joblib does."""

    def __init__(self, deadly):
        self.deadly, self.calls = deadly, []

    def launch(self, overrides, initial_job_idx):
        self.calls.append([typed[0] for typed in overrides])
        for n, typed in enumerate(overrides):
            trial = self.trials[typed[0]]
            trial.write("running")
            if typed[0] in self.deadly:
                if n + 1 < len(overrides):
                    self.trials[overrides[n + 1][0]].write("running")  # beside it
                raise RuntimeError("a worker died")
            trial.write("finished")
        return []


@pytest.mark.parametrize("deadly", [{"b"}, {"a", "b"}, {"d"}, {"a", "b", "c", "d"}])
def test_those_that_died_with_another_are_run_again_and_the_deadly_ones_fail(tmp_path, deadly):
    trials = {name: Trial((name,), tmp_path / name, "", {}) for name in "abcd"}
    grid = Grid()
    grid.common = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}, "launcher": {"_target_": "joblib"}}})
    grid.engine = Engine(deadly)
    grid.engine.trials = trials
    grid.launch(list(trials.values()))
    assert {name for name, trial in trials.items() if trial.status == "failed"} == deadly
    assert all(trial.status == "finished" for name, trial in trials.items() if name not in deadly)
    assert all(trial.results["error"] == DIED for name, trial in trials.items() if name in deadly)


@pytest.mark.parametrize(
    ("status", "config_hash", "retry", "expected"),
    [
        (None, "a", False, True),
        ("waiting", "a", False, True),
        ("running", "a", False, True),
        ("finished", "a", False, False),
        ("finished", "a", True, False),
        ("failed", "a", False, False),
        ("failed", "a", True, True),
        ("failed", "b", False, True),
    ],
)
def test_what_is_due(tmp_path, status, config_hash, retry, expected):
    if status:
        Trial((), tmp_path, config_hash, {}).write(status)
    assert is_due(Trial((), tmp_path, "a", {}), retry) is expected


def test_finished_with_another_config_is_refused(tmp_path):
    Trial((), tmp_path, "b", {}).write("finished")
    with pytest.raises(InputError, match="another config"):
        is_due(Trial((), tmp_path, "a", {}), retry=False)


@pytest.mark.parametrize("folder", ["a", "with space", "it's", "a=1,b=2", "back\\slash"])
def test_a_folder_of_any_name_survives_hydras_grammar(folder):
    (override,) = OverridesParser.create().parse_overrides([f"hydra.sweep.dir={quote(folder)}"])
    assert override.value() == folder


def test_jobs_that_slurm_still_holds_are_waited_for(tmp_path, monkeypatch):
    """A stand-in for squeue: two jobs, then none, then a job it has forgotten."""
    (tmp_path / ".submitit" / "7_0").mkdir(parents=True)
    squeue = tmp_path / "squeue"
    squeue.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/asked\ncase $(wc -l < {tmp_path}/asked) in\n"
        "1) echo 7_0; echo 7_1;;\n2) echo 'Unable to contact' >&2; exit 1;;\n"
        "*) echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1;;\nesac\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("unet_lightning.runtime.slurm.time.sleep", lambda seconds: None)
    wait_for_queue(tmp_path)
    assert (tmp_path / "asked").read_text().count("x") == 3


def test_a_search_takes_one_grid(sweep, capsys):
    pytest.importorskip("optuna")
    assert sweep("search=tpe", "+search.grids=[{loss:ce},{loss:dice}]", "fusion=add,concat") == 2
    assert "search.grids holds 2: add search.grids=[]" in capsys.readouterr().err


def test_several_grids_lie_beside_one_another_and_what_is_typed_goes_before_them(sweep, tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "beside.yaml").write_text(
        "defaults: [train, _self_]\n"
        "search:\n"
        "  grids:\n"
        '  - {upsample: "nearest,bilinear", fusion: "add,concat"}\n'
        "  - {loss: dice}\n"
        "hydra: {sweeper: {params: {seed: '1,2', data.noise: 0.1}}}\n"
    )
    assert sweep("seed=3", options=("-cd", "presets", "-cn", "beside")) == 0
    names = {f"fusion={fusion},upsample={name}" for fusion in ("add", "concat") for name in ("nearest", "bilinear")}
    names.add("loss=dice")
    found = results(tmp_path)
    assert set(found) == names
    assert all(one["status"] == "finished" for one in found.values())
    assert set(found["loss=dice"]["overrides"]) >= {"seed=3", "data.noise=0.1", "loss=dice"}
    assert found["loss=dice"]["choices"]["upsample"] == "transposed"


def test_jobs_of_slurm_where_there_is_no_slurm_are_refused_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / ".submitit" / "7_0").mkdir(parents=True)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match=r"no squeue here .*rm -r .*\.submitit"):
        wait_for_queue(tmp_path)
    shutil.rmtree(tmp_path / ".submitit")  # the remedy
    wait_for_queue(tmp_path)


def test_a_sweep_or_a_trial_that_another_process_runs_is_left_to_it(sweep, tmp_path, capsys):
    with another_process(tmp_path / "sweep"):
        assert sweep("fusion=concat,add") == 2
        assert "sweep is in use by process" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "sweep").iterdir()] == [LOCK]
    with another_process(tmp_path / "trial"):
        assert math.isnan(run_trial(config(*TRIAL), tmp_path / "trial", CommandLine()))
        assert [path.name for path in (tmp_path / "trial").iterdir()] == [LOCK]


@pytest.mark.usefixtures("swept")
def test_a_trial_that_another_process_runs_keeps_its_status(sweep, tmp_path):
    trial = tmp_path / "sweep" / "fusion=add"
    (trial / "results.json").write_text('{"status": "running"}')
    with another_process(trial):
        sweep("fusion=concat,add")
    assert json.loads((trial / "results.json").read_text()) == {"status": "running"}


def test_a_study_that_is_not_one_is_named_in_one_line(sweep, tmp_path, capsys):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "search.db").write_bytes(bytes(range(256)) * 64)
    assert sweep("search=tpe", "loss=ce,dice") == 2
    told = capsys.readouterr().err
    assert "sweep/search.db: not what Optuna writes (" in told
    assert len(told.strip().splitlines()) == 1
