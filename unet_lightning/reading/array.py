"""Files of numbers, by the ending of their names."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unet_lightning.reading.endings import NIFTI, ends_in
from unet_lightning.reading.matlab import read_mat
from unet_lightning.reading.nifti import read_slice
from unet_lightning.reading.npy import read_npy


def read_array(path: Path, page: int | None = None, variable: str | None = None) -> NDArray[Any]:
    """The numbers of a file as stored, (H, W) or (H, W, C); slice `page` of a volume; `variable` of a .mat file."""
    if ends_in(path, NIFTI):
        return read_slice(path, page)
    return read_mat(path, variable) if path.suffix.lower() == ".mat" else read_npy(path)
