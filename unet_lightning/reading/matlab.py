"""MATLAB's .mat files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.guard import check_file, reading


def read_mat(path: Path, variable: str | None) -> NDArray[Any]:
    """A variable of a MATLAB file up to version 7; without a name, the only array of rows and columns.

    One of three axes is taken by its name, or where it is the only array.
    """
    content = read_mat_variables(path)
    arrays = {
        k: v
        for k, v in content.items()
        if getattr(v, "ndim", 0) in (2, 3) and sorted(v.shape)[-2] > 1 and v.dtype.kind in "buif"
    }
    flat = [name for name, array in arrays.items() if array.ndim == 2]
    if variable is None and len(flat or arrays) == 1:
        variable = next(iter(flat or arrays))
    if variable not in arrays:
        names = ", ".join(sorted(arrays)) or "no array of rows and columns"
        raise InputError(f"{path} holds {names}; expected the label in data.variable={variable}; set data.variable")
    found: NDArray[Any] = arrays[variable]
    return found


def read_mat_variables(path: Path) -> Mapping[str, Any]:
    """All variables of a MATLAB file by name."""
    from scipy import io  # slow to import

    check_file(path)
    with reading(path), path.open("rb") as file:
        try:
            found: dict[str, Any] = io.loadmat(file)  # type: ignore[attr-defined, no-untyped-call]
        except NotImplementedError:
            raise InputError(f"{path} is of MATLAB 7.3; save it again with the flag -v7") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}
