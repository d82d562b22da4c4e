import json
import subprocess
import sys
from pathlib import Path

import pytest

from unet_lightning.command import doctor
from unet_lightning.command.doctor import main
from unet_lightning.error import InputError
from unet_lightning.runtime.finding import Finding

ROOT = Path(__file__).parents[2]
STOP = Finding("cores", "none", "nothing computes", "buy one", stops=True)


def test_a_sound_machine_is_ready(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--json", f"data.cache_dir={tmp_path}/cache", "trainer.accelerator=cpu"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "ready"
    assert told["versions"]["python"] == sys.version.split()[0]
    found = {finding["name"]: finding["value"] for finding in told["findings"]}
    assert {"python", "packages", "opencv", "torch", "precision", "cores", "memory", "outputs", "cache"} <= set(found)
    assert found["cache"].startswith(f"{tmp_path}/cache, ")
    assert found["outputs"].startswith(f"{tmp_path}/outputs, ")
    assert not list(tmp_path.iterdir())


def test_what_stops_a_training_ends_with_1_and_says_what_to_type(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "memory", lambda: STOP)
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("cores          none")
    assert lines[place + 1 : place + 3] == ["  error        nothing computes", "  type         buy one"]
    assert lines[-1].startswith("stopped: 1 error, ")
    assert main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "stopped"


def test_a_missing_package_stops_before_anything_that_needs_it(monkeypatch, capsys):
    absent = Finding("packages", "20 needed", "hydra-core is absent", "pip install hydra-core", stops=True)
    monkeypatch.setattr(doctor, "packages", lambda: [absent])
    assert main([]) == 1
    printed = capsys.readouterr().out
    assert "hydra-core is absent" in printed
    assert "memory" not in printed


def test_a_wrong_override_is_refused():
    with pytest.raises(InputError, match="did you mean 'num_workers'"):
        main(["data.num_worker=1"])


@pytest.mark.parametrize("absent", ["torch", "hydra", "psutil", "cv2", "numpy"])
def test_it_starts_where_a_package_is_absent(absent):
    code = f"import sys; sys.modules[{absent!r}] = None\nimport unet_lightning.cli, unet_lightning.command.doctor"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_it_does_not_wait_for_lightning():
    code = "import sys; from unet_lightning.command.doctor import main; main([])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "torch" in loaded
    assert not loaded & {"lightning", "albumentations", "skimage", "numba"}
