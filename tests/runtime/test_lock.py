import errno
import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from unet_lightning.error import InputError
from unet_lightning.runtime import lock
from unet_lightning.runtime.lock import LOCK, hold

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from unet_lightning.runtime.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder):
    """Another process that holds a folder until the end of its input."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_holds_is_refused_until_it_is_killed(tmp_path, caplog):
    with another_process(tmp_path) as other:
        with pytest.raises(InputError, match=rf"in use by process {other.pid} on .* since .*: wait .* run=…") as caught:
            hold(tmp_path).__enter__()
        assert "\n" not in str(caught.value)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert (tmp_path / LOCK).exists()
        with hold(tmp_path):
            assert f"process {os.getpid()} on " in (tmp_path / LOCK).read_text()
    assert not list(tmp_path.iterdir())
    assert not caplog.text


def test_it_is_held_to_the_end_of_the_outermost_and_free_after_an_error(tmp_path):
    folder = tmp_path / "new" / "run"
    for _ in range(2):
        with suppress(ZeroDivisionError), hold(folder):
            with hold(folder):
                pass
            assert (folder / LOCK).exists()
            raise ZeroDivisionError
        assert not list(tmp_path.iterdir())
    with hold(folder):
        (folder / "kept").write_text("")
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_a_file_that_was_removed_meanwhile_is_not_the_lock(tmp_path, monkeypatch):
    real, tries = fcntl.lockf, []

    def lockf(descriptor, command):
        if not tries:  # its holder ends between our opening and our locking of the file
            (tmp_path / LOCK).unlink()
        tries.append(descriptor)
        real(descriptor, command)

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with hold(tmp_path):
        assert len(tries) == 2
        assert (tmp_path / LOCK).exists()


def test_a_file_system_without_locks_is_said_and_one_left_on_another_machine_too(tmp_path, monkeypatch, caplog):
    (tmp_path / LOCK).write_text("process 7 on elsewhere since yesterday")
    with hold(tmp_path):
        assert "left behind by process 7 on elsewhere since yesterday" in caplog.text

    def lockf(descriptor, command):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with hold(tmp_path):
        assert "can't be locked (No locks available)" in caplog.text


def test_a_job_that_a_queue_started_again_waits_for_a_machine_that_went_down(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with another_process(tmp_path) as other:
        monkeypatch.setattr(lock.time, "sleep", lambda seconds: (other.kill(), other.wait()))
        with hold(tmp_path):
            pass
