"""Write the simple layout that `data=folder` reads: pictures, masks, manifest, and a README with a training command."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unet_lightning.config.quote import quote
from unet_lightning.page.escape import escape_markdown
from unet_lightning.page.picture import encode_png
from unet_lightning.reading.tiff_page import NODATA
from unet_lightning.record import DataSet
from unet_lightning.runtime.files import write_table
from unet_lightning.sample import Sample


def write_image(path: Path, sample: Sample) -> str:
    """Write the image of a sample; returns the file's name. Pixels without data are marked in a TIFF, by a number that
    no other pixel holds; of an image that holds every number they are written as they are in the sample.
    """
    if sample.nodata is None:
        return write_array(path, sample.image)
    free = unused_numbers(sample.image[~sample.nodata])
    if not len(free):
        return write_array(path, sample.image)
    return write_array(path, np.where(sample.nodata[..., None], free[0], sample.image), str(free[0]))


def unused_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """The numbers of an array's type that it doesn't hold, in their order; of floating point NaN alone, of whole
    numbers of more than 16 bit the smallest and the largest.
    """
    if values.dtype.kind == "f":
        return np.array([np.nan], values.dtype)
    limits = np.iinfo(values.dtype)
    numbers = np.arange(limits.min, limits.max + 1) if limits.bits <= 16 else np.array([limits.min, limits.max])
    return np.setdiff1d(numbers.astype(values.dtype), values)


def write_array(path: Path, array: NDArray[Any], nodata: str | None = None) -> str:
    """Write (H, W) or (H, W, C) losslessly as PNG, or as TIFF if PNG can't hold it; returns the file's name.

    nodata: the number that stands for no data, as GDAL's tag has it.
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype in (np.uint8, np.uint16) and channels in (1, 3) and nodata is None:
        file = path.with_name(f"{path.name}.png")
        file.write_bytes(encode_png(array))
    else:
        file = path.with_name(f"{path.name}.tif")
        planes = np.moveaxis(array.reshape(*array.shape[:2], channels), 2, 0)  # (C, H, W)
        axes = {"axes": "CYX" if channels > 1 else "YX"}
        planes = planes if channels > 1 else planes[0]
        tags = [] if nodata is None else [(NODATA, "s", 0, nodata, True)]
        form: dict[str, Any] = {"photometric": "minisblack", "compression": "zlib", "metadata": axes}
        tifffile.imwrite(file, planes, extratags=tags, **form)
    return file.name


def file_names(ids: list[str]) -> dict[str, str]:
    """A file name for each id that is valid on every file system; names differ in more than upper and lower case."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, one in enumerate(ids):
        name = re.sub(r"[^\w.-]+", "_", one).strip("._")[:100] or "image"
        while name.casefold() in taken:
            name = f"{name}_{number}"
        taken.add(name.casefold())
        found[one] = name
    return found


def write_manifest(folder: Path, dataset: DataSet, files: Sequence[tuple[str, str, str]]) -> None:
    """Write manifest.csv, one row per record in their order. files: image, mask and instances of each, or ""."""
    rows = [
        {"id": record.id, "image": image, "mask": mask, "instances": instances}
        | {"split": record.split, "group": record.group, "kind": record.kind}
        for record, (image, mask, instances) in zip(dataset.records, files, strict=True)
    ]
    write_table(folder / "manifest.csv", rows)


def readme(dataset: DataSet, folder: Path, ignore: int | None, scale: float = 1) -> str:
    """What lies in the folder, and in its last line how to train on it."""
    values = [f"- {k}: {escape_markdown(name)}" for k, name in enumerate(dataset.classes)]
    values += [] if ignore is None else [f"- {ignore}: ignored"]
    lines = [
        f"# {escape_markdown(folder.name)}\n",
        f"{len(dataset.records)} images in the layout of unet-lightning's `data=folder`.",
        *([f"Their sides are {scale:g} times those of the originals."] if scale != 1 else []),
        "The licence of the original data set still applies.\n",
        "Values of the masks:\n",
        *values,
        "\nTo train on it:\n",
        f"    {command(dataset, folder, ignore)}\n",
    ]
    return "\n".join(lines)


def command(dataset: DataSet, folder: Path, ignore: int | None) -> str:
    """The command that trains on a written folder."""
    overrides = ["data=folder", f"data.root={quote(str(folder))}"]
    overrides.append(f"data.classes=[{','.join(map(quote, dataset.classes))}]")
    overrides += [] if dataset.background else ["data.background=false"]
    overrides += [] if ignore is None else [f"data.ignore={ignore}"]
    return shlex.join(["python", "train.py", *overrides])
