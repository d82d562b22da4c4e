"""Provenance of a run: the machine, the libraries and the commit."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from unet_lightning import __version__

LIBRARIES = {
    "torch": "torch",
    "lightning": "lightning",
    "albumentations": "albumentations",
    "numpy": "numpy",
    "opencv": "opencv-python-headless",
}


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries; the libraries aren't imported for it."""
    found = {name: installed(package) for name, package in LIBRARIES.items()}
    return {"unet-lightning": __version__, "python": platform.python_version()} | found


def installed(package: str) -> str:
    """The version of an installed package; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def machine() -> str:
    """The name of the GPU if there is one, else number and model of the CPU cores."""
    import torch  # not above, as `installed` must answer where torch is broken

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    path = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", path.read_text()) if path.exists() else []
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor() or platform.machine()}"


def commit() -> str | None:
    """The git commit of this code's checkout, with -dirty if files were changed since; None if it isn't a checkout.

    A repository in a folder further up isn't used: a package that is installed below it isn't part of it.
    """
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return None
    return done.stdout.strip() or None
