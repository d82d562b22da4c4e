"""The peak memory of a run."""

import re
from contextlib import suppress
from pathlib import Path

import torch

PROCESS = Path("/proc/self")


def reset_peak() -> None:
    """Reset the peak values, so that those of an earlier trial in the same process aren't included."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # only Linux has this file
        (PROCESS / "clear_refs").write_text("5")


def peak() -> dict[str, int | None]:
    """Peak bytes since `reset_peak`: of tensors on the GPU, and of the main process without loaders (None: unknown)."""
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    process = None
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())
        process = int(found[1]) * 1024 if found else None
    return {"gpu": gpu, "process": process}
