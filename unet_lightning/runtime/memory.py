"""How much memory a run took at its peak."""

import re
from contextlib import suppress
from pathlib import Path

import torch

PROCESS = Path("/proc/self")


def reset_peak() -> None:
    """Begin to measure anew, so that a trial isn't charged with the one before it in the same process."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # only Linux measures by itself
        (PROCESS / "clear_refs").write_text("5")


def peak() -> dict[str, int | None]:
    """Bytes since `reset_peak`: tensors on the GPU, and the main process without its loaders; None where unknown."""
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    process = None
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())
        process = int(found[1]) * 1024 if found else None
    return {"gpu": gpu, "process": process}
