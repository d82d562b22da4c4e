"""What people install: a wheel that trains from any folder, the repository absent."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_nothing_lies_beside_the_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"unet_lightning"}
    assert "unet_lightning/conf/train.yaml" in names
    assert "unet_lightning/py.typed" in names
    assert sum(name.startswith("unet_lightning/data/bundled/nuclei/images/") for name in names) == 72


def test_the_console_script_trains_from_another_folder(wheel, tmp_path):
    """A fresh environment that sees this one's libraries, but not this repository."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-compile", str(wheel)], check=True)
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    kept = tmp_path / "libraries"
    kept.mkdir()
    for entry in Path(libraries).iterdir():  # all but the editable install
        if "unet_lightning" not in entry.name:
            (kept / entry.name).symlink_to(entry)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"PYTHONPATH": str(kept)}
    small = ["trainer.limit_val_batches=1", "trainer.limit_test_batches=1", "trainer.limit_train_batches=1"]
    small += ["model.base_channels=4", "data.crops_per_image=1", "data.min_steps=1", "data.num_workers=0"]
    done = subprocess.run(
        [str(environment / "bin" / "unet-lightning"), "train", "loss=focal", "trainer.max_epochs=1", *small],
        cwd=elsewhere,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (results,) = elsewhere.glob("outputs/*/*/results.json")
    assert '"status": "finished"' in results.read_text()
    location = subprocess.run(
        [str(python), "-c", "import unet_lightning; print(unet_lightning.__file__)"],
        cwd=elsewhere,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(environment) in location.stdout
