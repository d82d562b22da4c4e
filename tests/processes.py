"""`python train.py` as a process of its own, forked from one that has imported what it needs: 8 s of imports less.

Lightning is imported before Hydra sets up logging: what it logs by itself goes to stderr.
"""

import multiprocessing
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import torch

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.processes", "unet_lightning.command.train", "unet_lightning.training.run"])


TRAIN = "from unet_lightning.cli import train; train()"


def start(arguments, cwd, output, code=TRAIN):
    """The process of `python train.py ARGUMENTS`, in a session of its own; its stdout and stderr are files of `output`.

    code: what it runs.
    """
    process = FORKS.Process(target=_run, args=([*map(str, arguments)], Path(cwd), Path(output), code))
    process.start()
    return process


def run(*arguments, cwd, code=TRAIN):
    """Exit code and output of `python train.py ARGUMENTS`."""
    with TemporaryDirectory() as output:
        process = start(arguments, cwd, output, code)
        process.join()
        told = {name: Path(output, name).read_text() for name in ("stdout", "stderr")}
    return SimpleNamespace(returncode=process.exitcode, **told)


def _run(arguments, cwd, output, code):
    os.setsid()
    torch.set_num_threads(1)  # as in the tests: the fused optimizer rounds by how its work is shared out
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(output / name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    sys.argv = ["train.py", *arguments]
    exec(code, {"__name__": "__main__"})
