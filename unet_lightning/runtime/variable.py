"""Variables of the environment that change what happens here."""

import os
from pathlib import Path

from unet_lightning.error import nearest, shown
from unet_lightning.runtime.finding import Finding

OURS = "UNET_LIGHTNING_"
READ = (f"{OURS}DATA", f"{OURS}FUZZ", f"{OURS}FUZZ_ACCEPTED", f"{OURS}NOTES")  # by studies and tests
OTHERS = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME", "PYTHONPATH")


def variables() -> list[Finding]:
    """Those that are set, in the order of their names."""
    return [_variable(name) for name in sorted(os.environ) if name.startswith(OURS) or name in OTHERS]


def _variable(name: str) -> Finding:
    value = os.environ[name]
    problem = ""
    if name == f"{OURS}DATA" and not Path(value).is_dir():
        problem = "it is no folder; studies look for published sets in it"
    if name.startswith(OURS) and name not in READ:
        problem = f"nothing reads it; {nearest(name, READ)}"
    return Finding("variable", f"{name}={shown(value)}", problem, f"unset {name}" if problem else "")
