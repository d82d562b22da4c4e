"""The names of what prediction writes: they mirror those of the inputs, and never lead out of the output folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from unet_lightning.error import InputError
from unet_lightning.reading.endings import NIFTI, TIFF, ends_in
from unet_lightning.reading.format import format_of

LONGEST = 255  # bytes of a name, in the usual file systems
KINDS = ("classes", "probabilities", "instances", "overlay")
ENDINGS = {  # by that of the input, those of the kinds
    ".nii.gz": (".nii.gz", ".npy", ".nii.gz", ".tif"),
    ".nii": (".nii", ".npy", ".nii", ".tif"),
    ".npy": (".npy", ".npy", ".npy", ".png"),
    ".mat": (".npy", ".npy", ".npy", ".png"),
    ".zarr": (".zarr", ".zarr", ".zarr", ".zarr"),
    **{ending: (ending,) * 4 for ending in TIFF},
}
PICTURE = (".png", ".tif", ".tif", ".png")


class OutputNameError(Exception):
    """The output of one input can't have its name; the others can be done."""


def named_by_content(path: Path, name: Path) -> Path:
    """The relative name of an input with an ending that says what the file is, whatever its own says."""
    kind = "zarr" if path.is_dir() else format_of(path)
    own = {"tiff": TIFF, "nifti": NIFTI, "zarr": (".zarr",), "npy": (".npy",), "mat": (".mat",)}.get(kind)
    stem, ending = _divided(name)
    if own is None:
        return name.with_name(f"{stem}.png") if ending in ENDINGS else name
    return name if ends_in(name, own) else name.with_name(f"{stem}{own[0]}")


def targets(folder: Path, name: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """The file of every kind for an input of this relative name.

    InputError where it would lie outside `folder`, OutputNameError where the file system can't have it.
    """
    stem, ending = _divided(name)
    endings = dict(zip(KINDS, ENDINGS.get(ending, PICTURE), strict=True))
    found = {}
    for kind in kinds:
        path = folder / name.with_name(f"{stem}{'' if kind == 'classes' else f'.{kind}'}{endings[kind]}")
        _check_name(path)
        if path.is_symlink() or not path.parent.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{path} leads out of {folder}; take the link away, or give another --output")
        found[kind] = path
    return found


def outline_file(folder: Path, name: Path, ending: str) -> Path:
    """The file of outlines for an input of this relative name; InputError where it would lie outside `folder`."""
    path = folder / name.with_name(f"{_divided(name)[0]}{ending}")
    if path.is_symlink() or not path.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path} leads out of {folder}; take the link away, or give another --output")
    return path


def part_of(path: Path) -> Path:
    """Where a file lies beside its place until it is whole: a name that is never too long."""
    return path.with_name(f".{path.name[:60]}-{crc32(os.fsencode(path.name)):08x}.part")


def _divided(name: Path) -> tuple[str, str]:
    """The last part of a path without its ending, and the ending in lower case: of `a.nii.gz` both parts of it."""
    ending = next((ending for ending in ENDINGS if ends_in(name, (ending,))), name.suffix)
    return name.name[: len(name.name) - len(ending)], ending.lower()


def _check_name(path: Path) -> None:
    longest = max(path.parts, key=lambda part: len(os.fsencode(part)))
    length = len(os.fsencode(longest))
    if length > LONGEST:
        shown = f"{longest[:20]}…{longest[-20:]}"
        raise OutputNameError(f"its output {shown} has a name of {length} bytes; expected {LONGEST} at most; rename it")
    try:
        path.lstat()
    except FileNotFoundError:
        return  # free
    except OSError as error:  # a file where a folder is needed, a folder without permission
        raise OutputNameError(f"its output {path} can't be written: {error.strerror}; give another --output") from None
