"""Installed packages, held against what this package asks for."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires
from shlex import join, quote

from packaging.requirements import Requirement

from unet_lightning.runtime.finding import Finding
from unet_lightning.runtime.machine import installed

PACKAGE = "unet-lightning"
EXTRAS = {  # what each is for; `dev` is for those who change the code
    "coco": "polygons of COCO files",
    "roi": "ImageJ's ROIs, read and written",
    "nifti": "volumes in NIfTI",
    "export": "export --to onnx",
    "launch": "launch=joblib, launch=slurm",
    "ray": "launch=ray",
    "search": "search=tpe",
    "mlflow": "logger=mlflow",
    "wandb": "logger=wandb",
    "smp": "model=smp",
    "monai": "networks of MONAI, model=any",
    "docs": "the pages of documentation, make docs",
}
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")


def packages() -> list[Finding]:
    """What is needed, OpenCV, and the extras; one that is absent is offered."""
    try:
        asked = [Requirement(line) for line in requires(PACKAGE) or ()]
    except PackageNotFoundError:
        unknown = "the versions that it asks for are known only where it is installed"
        return [Finding("packages", "unknown", unknown, "pip install --editable ."), opencv()]
    needed = [requirement for requirement in asked if _applies(requirement)]
    extras = {
        name: [requirement for requirement in asked if not _applies(requirement) and _applies(requirement, name)]
        for name in EXTRAS
    }
    there = {name for name, parts in extras.items() if parts and all(installed(part.name) for part in parts)}
    absent = [
        Finding(f"extra {name}", f"absent, for {purpose}", remedy=f"pip install '{PACKAGE}[{name}]'")
        for name, purpose in EXTRAS.items()
        if name not in there
    ]
    optional = _compared("extras", [part for name in EXTRAS if name in there for part in extras[name]])
    listed = ", ".join(name for name in EXTRAS if name in there) or "none"
    return [_compared("packages", needed), opencv(), replace(optional, value=listed), *absent]


def _applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement counts on this machine, with an extra or without any."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _compared(name: str, asked: list[Requirement]) -> Finding:
    """Whether all are installed, in the versions that are asked for; others are untested, and none stops a training."""
    found = {requirement: installed(requirement.name) for requirement in asked}
    absent = [requirement for requirement, version in found.items() if not version]
    other = [r for r, version in found.items() if version and not r.specifier.contains(version, prereleases=True)]
    wrong = [f"{requirement.name} is absent" for requirement in absent]
    wrong += [f"{r.name} {found[r]} is outside of {r.specifier}" for r in other]
    remedy = join(["pip", "install", *(f"{r.name}{r.specifier}" for r in absent + other)]) if wrong else ""
    value = f"{len(asked)} needed" + ("" if wrong else ", all there in the versions that are asked for")
    return Finding(name, value, "; ".join(wrong), remedy, stops=bool(absent))


def opencv() -> Finding:
    """Which wheels of OpenCV are installed, and whether it can be imported.

    All of them write the same folder, so that of two the one that was installed last is used, and taking one out breaks
    the other. Those that aren't headless need libraries of a desktop.
    """
    wheels = {name: version for name in OPENCV if (version := installed(name))}
    value = ", ".join(f"{name} {version}" for name, version in wheels.items()) or "absent"
    others = [*map(quote, wheels)] if len(wheels) > 1 else [name for name in wheels if name != OPENCV[0]]
    remove = f"pip uninstall --yes {' '.join(others)} && " if others else ""
    again = f"{remove}pip install --force-reinstall --no-deps {OPENCV[0]}"
    try:
        import cv2  # its version says which wheel was written last
    except ImportError as error:
        return Finding("opencv", value, f"it can't be imported: {str(error).splitlines()[0]}", again, stops=True)
    if len(wheels) > 1:
        problem = f"they overwrite each other; what is there now is {cv2.__version__}, and all of one may be gone"
        return Finding("opencv", value, problem, again)
    return Finding("opencv", value)
