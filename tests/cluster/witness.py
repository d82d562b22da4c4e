"""A data set that writes down where and when a trial ran, and takes its time."""

import json
import os
import time
from pathlib import Path

from unet_lightning.data import synthetic
from unet_lightning.record import DataSet

DEVICES = "CUDA_VISIBLE_DEVICES"


def find(classes: list[str], number: int, height: int, width: int, cells: int, noise: float, seed: int) -> DataSet:
    """The drawn cells, after `WITNESS_SECONDS`; one line about this trial in the folder `WITNESS`."""
    begun = time.time()
    found = synthetic.find(classes, number, height, width, cells, noise, seed)
    if noise == 0.3:
        os.abort()
    time.sleep(float(os.environ["WITNESS_SECONDS"]))
    line = {"noise": noise, "begun": begun, "ended": time.time(), "pid": os.getpid()}
    line |= {"devices": os.environ.get(DEVICES), "job": os.environ.get("SLURM_JOB_ID")}
    (Path(os.environ["WITNESS"]) / f"{noise}_{begun}.json").write_text(json.dumps(line))
    return found


def read(folder: Path) -> list[dict[str, str | float]]:
    """All lines, in the order of their beginnings."""
    return sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda line: line["begun"])


def most_at_once(lines: list[dict[str, str | float]]) -> int:
    """How many of some trials ran at the same time."""
    return max((sum(a["begun"] <= b["begun"] < a["ended"] for a in lines) for b in lines), default=0)
