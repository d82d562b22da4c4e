"""The versions that are tested lie within what the package asks for."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins():
    """The tested version of each package."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_every_requirement_has_a_pin_that_it_allows():
    tested = pins()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    found = {Requirement(line) for line in asked if not line.startswith("unet-lightning")}
    assert len(found) > 30
    for requirement in found:
        pin = tested[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin), f"{requirement}, and {pin} is tested"


def test_the_lock_holds_the_pins_with_hashes_and_all_that_is_asked_for_but_torch():
    entries = re.findall(
        r"^(\S+)==(\S+?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", (ROOT / "requirements.lock").read_text(), re.M
    )
    locked = {name: version for name, version, _ in entries}
    assert locked == {name: pins()[name] for name in locked}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    names = {canonicalize_name(Requirement(line).name) for line in asked}
    assert names - set(locked) == {"torch", "unet-lightning"}


@pytest.mark.skipif(not shutil.which("uv"), reason="uv is not installed")
def test_uv_runs_in_the_environment_that_is_there_and_locks_nothing(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    command = ["uv", "run", "--offline", "python", "-c", "import sys; print(sys.prefix)"]
    done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == tmp_path / ".venv"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".venv", "pyproject.toml"]
