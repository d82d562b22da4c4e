import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.typed import typed
from unet_lightning import __version__
from unet_lightning.cli import main as cli_main
from unet_lightning.command.help import help_text
from unet_lightning.config.groups import CONF, groups

ROOT = Path(__file__).parents[1]

FEW = [
    *("data=synthetic", "data.number=5", "data.height=32", "data.width=32", "data.num_workers=0", "tile=32"),
    "data.min_steps=1",
]


def run(*arguments, cwd):
    """`python train.py`, a process of its own from its first import on."""
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loss=focall"], "did you mean 'focal'"),
        (["upsmaple=bilinear"], "did you mean 'upsample'"),
        (["+upsmaple=bilinear"], "did you mean 'upsample'"),
        (["trainer.max_epoch=1"], "did you mean 'max_epochs'"),
        (["seed=abc"], "seed"),
        (["data.batch_size=-1"], "greater than or equal to 1"),
        (["fusion=[concat,add]"], "-m fusion=concat,add"),
        (["fusion=concat,add"], "-m"),
        (["-m", "loss=ce,focall"], "did you mean 'focal'"),
        (["-m", "trainer.max_epoch=1,2"], "did you mean 'max_epochs'"),
    ],
)
def test_wrong_overrides_exit_with_2_and_no_traceback(tmp_path, arguments, words):
    done = typed("train", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.root=/nowhere"], "data.root=/nowhere is not a folder"),
        (["data.root={set}"], "a.png has no partner in masks/"),
        (["data.root={set}", "seed=-1"], "seed=-1"),
        (["data.root={set}", "trainer.accelerator=foo"], "no partner"),
    ],
)
def test_bad_data_ends_with_file_finding_and_remedy(tmp_path, overrides, words):
    for name in ("images/a.png", "images/b.png", "masks/b.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    done = typed("train", "data=folder", *(o.format(set=tmp_path / "set") for o in overrides), cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_refuses_ends_with_2_and_a_line(tmp_path):
    refused = {
        "loss=focall": "did you mean 'focal'",
        "data=folder data.root=/nowhere": "data.root=/nowhere is not a folder",
    }
    for wrong, words in refused.items():
        done = processes.run(*wrong.split(), cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert words in done.stderr


def test_a_sweep_trains_every_trial_in_a_folder_of_its_name(tmp_path):
    small = [*FEW, "data.crop=16", "model.depth=1", "trainer.fast_dev_run=true"]
    done = typed("train", "-m", "fusion=concat,add", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = sorted(tmp_path.glob("outputs/sweeps/*/*/results.json"))
    assert ["fusion=add" in str(path) for path in results] == [True, False]
    assert all('"status": "finished"' in path.read_text() for path in results)


def test_a_preset_finds_the_groups_it_searches_and_refuses_what_is_not_there():
    preset = ["--cfg", "job", "-cd", "experiments/border_weight", "-cn", "quick"]
    done = typed("train", *preset, "data=crowded", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "manifest: crowded.csv" in done.stdout
    done = typed("train", *preset, "data=crowdd", cwd=ROOT)
    assert done.returncode == 2
    assert "did you mean 'crowded'" in done.stderr


def test_cfg_job_prints_the_config_without_importing_torch(tmp_path):
    code = "import sys; sys.argv[1:] = ['--cfg', 'job']; import train; train.train(); assert 'torch' not in sys.modules"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "_target_: unet_lightning.model.unet.build_unet" in done.stdout


def test_help_names_every_option_and_explains_every_key():
    text = help_text("python train.py")
    for group, names in groups().items():
        said = "+callback@trainer.callbacks.NAME" if group == "callback" else group
        section = text.split(f"  {said}=\n")[1]
        for name in names:
            line = next(line for line in section.splitlines() if line.split()[:1] == [name])
            assert len(line.split()) > 2
    for key in ("seed=0", "data.batch_size=", "data.num_workers=", "trainer.max_epochs=", "model.depth=4"):
        line = next(line for line in text.splitlines() if line.strip().startswith(key))
        assert len(line.split()) > 1


WIRING = {"defaults", "hydra", "upsample", "fusion", "terms", "data", "spatial", "callbacks", "semantic"}


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_value_in_the_yaml_carries_its_explanation(path):
    lines = path.read_text().split("\nhydra:")[0].splitlines()
    for line in lines:
        key = line.split(":")[0].strip()
        value = line.partition(":")[2].strip()
        if value and not line.startswith(("#", "  - ")) and "_target_" not in line and key not in WIRING:
            assert "  # " in line or key in (
                "_partial_",
                "mode",
                "filename",
                "enable_version_counter",
                "logging_interval",
            ), line


def test_the_flags_of_a_preset_may_be_written_with_an_equals_sign():
    preset = ["--cfg", "job", "--config-dir=experiments/border_weight", "--config-name=quick"]
    done = typed("train", *preset, "data=crowded", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "manifest: crowded.csv" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "--help"], 128 + signal.SIGPIPE),  # what a shell gives for other tools
        (["--help"], 128 + signal.SIGPIPE),
        (["compare", "--help"], 0),  # argparse swallows it
    ],
)
def test_help_may_be_read_in_part(arguments, expected):
    code = f"import sys; sys.argv[1:] = {arguments}; from unet_lightning.cli import main; main()"
    read, write = os.pipe()
    os.close(read)  # as `head` does when it has seen enough
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (expected, "")


def test_a_pipe_that_breaks_elsewhere_is_no_reader_who_has_seen_enough(monkeypatch):
    def break_pipe(arguments):
        raise BrokenPipeError("a worker's")

    monkeypatch.setattr("unet_lightning.command.validate.main", break_pipe)
    monkeypatch.setattr("sys.argv", ["unet-lightning", "validate"])
    with pytest.raises(BrokenPipeError, match="a worker's"):
        cli_main()


def test_the_version_is_known():
    code = "import sys; sys.argv[1:] = ['--version']; from unet_lightning.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"unet-lightning {__version__}\n"


@pytest.mark.parametrize("place", ["run=a", "hydra.run.dir=."])
def test_a_refused_run_removes_no_folder_of_the_user(tmp_path, place):
    (tmp_path / "empty").mkdir()
    here = tmp_path / "here"  # empty as well
    here.mkdir()
    assert typed("train", "data=folder", "data.root=/nowhere", place, cwd=here).returncode == 2
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["empty", "here"]
    assert not list(here.iterdir())
    (here / "mine").mkdir()
    assert typed("train", "data=folder", "data.root=/nowhere", "hydra.run.dir=.", cwd=here).returncode == 2
    assert (here / "mine").is_dir()


def test_a_refused_run_leaves_no_folder_and_nothing_of_others(tmp_path):
    mine = tmp_path / "outputs" / "mine" / "notes.txt"
    for name, kept in (("a", False), ("mine", True)):
        done = typed("train", "data=folder", "data.root=/nowhere", f"run={name}", cwd=tmp_path)
        assert done.returncode == 2
        assert mine.exists() == kept
        assert (tmp_path / "outputs").exists() == kept
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("kept")


def test_output_in_a_file_has_a_line_an_epoch_and_the_table_of_a_profiler(tmp_path):
    small = [*FEW, "data.crop=16", "model.depth=1", "model.base_channels=4", "trainer.max_epochs=2"]
    done = run(*small, "+trainer.profiler=simple", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for epoch in (1, 2):
        line = next(line for line in done.stdout.splitlines() if f"epoch {epoch}/2: " in line)
        assert all(word in line for word in ("training loss 0.", "validation loss 0.", "foreground Dice", " left"))
    assert "Profiler Report" in done.stdout
