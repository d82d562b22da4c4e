"""Who started this process: torchrun, srun, or the user; read from the environment alone."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """One of `count` processes that train one network; `rank` numbers them from 0. By default the only one."""

    rank: int = 0
    count: int = 1


def external_launch() -> Process | None:
    """This process if torchrun or srun started several; None if this program has to start the others itself."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return Process(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return Process(int(os.environ["SLURM_PROCID"]), tasks) if tasks > 1 else None


def rank() -> int:
    """The number of this process among those that train one network; 0 writes the files."""
    started = external_launch()
    return started.rank if started else int(os.environ.get("LOCAL_RANK", "0"))
