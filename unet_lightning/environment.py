"""Who started this process: torchrun, srun, or the user; read from the environment alone."""

import os


def outside() -> tuple[int, int] | None:
    """(rank, number of processes) where torchrun or srun started several; None where it is for us to start them."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return (int(os.environ["SLURM_PROCID"]), tasks) if tasks > 1 else None


def rank() -> int:
    """The number of this process among those that train one network; 0 writes the files."""
    started = outside()
    return started[0] if started else int(os.environ.get("LOCAL_RANK", "0"))
