"""The output files of prediction: each gets its name only when it is complete, and never lies outside its folder."""

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.lib.format import open_memmap
from PIL import Image

from unet_lightning.label import Color
from unet_lightning.prediction.description import description, resolution
from unet_lightning.prediction.names import part_of
from unet_lightning.prediction.plane import Source
from unet_lightning.reading.endings import NIFTI, TIFF, ends_in
from unet_lightning.reading.nifti import write_volume

DTYPES = {
    "classes": "uint8",
    "probabilities": "float16",
    "instances": "uint32",
    "overlay": "uint8",
    "foreground": "float32",
}
TILE = 512


class Output:
    """The files of one input, written page by page into parts beside them; `finish` gives them their names.

    paths: kind to file. classes: name and RGB of every class. place: of the class ids, beside which what is worked with
    lies.
    """

    def __init__(self, paths: dict[str, Path], source: Source, classes: Mapping[str, Color], place: Path) -> None:
        self.paths, self.source, self.names, self.colors = paths, source, tuple(classes), tuple(classes.values())
        self.described: set[str] = set()
        self.parts = {kind: part_of(path) for kind, path in paths.items()}
        self.work = part_of(place).with_suffix(".work")
        self.files: dict[str, Any] = {}

    def begin(self) -> None:
        """Remove what an earlier run left incomplete, and create the folders."""
        self.discard()
        for part in (*self.parts.values(), self.work):
            part.parent.mkdir(parents=True, exist_ok=True)

    def blank(self, kind: str, page: int) -> Any:
        """An array to fill with a page of this kind: (H, W), (K, H, W) of probabilities, (H, W, 3) of the overlay.

        In memory, or on disk where the input doesn't fit into memory either.
        """
        shape = self._shape(kind)
        if not self.source.lazy:
            return np.zeros(shape, self._dtype(kind))
        if self._is_zarr(kind):
            if kind not in self.files:
                self.files[kind] = self._create(self.parts[kind], kind, self._pages())
            return Page(self.files[kind], (page,) if self.source.stack else ())
        return self._create(self.work / f"{kind}{page}", kind, ())

    def save(self, kind: str, page: int, array: Any) -> None:
        """Append a filled page to its file."""
        part = self.parts[kind]
        if self._is_zarr(kind):
            return
        if ends_in(self.paths[kind], NIFTI):
            if kind not in self.files:
                self.files[kind] = np.zeros((self.source.shape[0], *array.shape), DTYPES[kind])
            self.files[kind][page] = array
        elif self.paths[kind].suffix == ".npy":
            if kind not in self.files:
                shape = (*self._pages(), *array.shape)
                self.files[kind] = open_memmap(part, mode="w+", dtype=DTYPES[kind], shape=shape)
            target = Page(self.files[kind], (page,) if self.source.stack else ())
            for top in range(0, array.shape[1], TILE):
                target[:, top : top + TILE] = array[:, top : top + TILE]
        elif self.paths[kind].suffix.lower() in TIFF:
            if kind not in self.files:
                nbytes = 4 * self.source.shape[0] * math.prod(self._shape(kind))
                self.files[kind] = tifffile.TiffWriter(part, bigtiff=nbytes > 2**31)
            self._append(self.files[kind], kind, array)
        else:
            picture = Image.fromarray(array)
            if kind == "classes":
                picture.putpalette([value for color in self.colors for value in color])
            picture.save(part, "PNG")

    def finish(self) -> None:
        """Close all files and give them their names, the class masks last."""
        for kind, file in self.files.items():
            if isinstance(file, tifffile.TiffWriter):
                file.close()
            elif isinstance(file, np.memmap):
                file.flush()
            elif ends_in(self.paths[kind], NIFTI):
                whole = file if kind == "classes" else file.astype(np.uint16 if self._is_small() else np.int32)
                write_volume(self.source.path, self.parts[kind], whole)
        for kind in reversed(self.paths):
            if self.paths[kind].is_dir():
                shutil.rmtree(self.paths[kind])
            os.replace(self.parts[kind], self.paths[kind])
        self.discard()

    def discard(self) -> None:
        """Remove incomplete files."""
        for part in (*self.parts.values(), self.work):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)

    def _shape(self, kind: str) -> tuple[int, ...]:
        _, height, width, _ = self.source.shape
        shapes = {"probabilities": (len(self.colors), height, width), "overlay": (height, width, 3)}
        return shapes.get(kind, (height, width))

    def _create(self, path: Path, kind: str, pages: tuple[int, ...]) -> Any:
        """A Zarr array in chunks of a page's tiles."""
        import zarr  # slow to import

        shape = self._shape(kind)
        rows = 1 if kind == "probabilities" else 0
        chunks = tuple(min(TILE, side) if axis in (rows, rows + 1) else side for axis, side in enumerate(shape))
        whole = (*pages, *shape)
        return zarr.create_array(
            path, shape=whole, chunks=(1,) * len(pages) + chunks, dtype=self._dtype(kind), overwrite=True
        )

    def _pages(self) -> tuple[int, ...]:
        return (self.source.shape[0],) if self.source.stack else ()

    def _is_zarr(self, kind: str) -> bool:
        return kind in self.paths and self.paths[kind].suffix == ".zarr"

    def _append(self, file: tifffile.TiffWriter, kind: str, array: Any) -> None:
        """Write a page, of probabilities a page for each class; the first one describes all."""
        dtype = np.dtype(self._dtype(kind))
        if kind == "instances" and not self.source.stack and self._is_small():
            dtype = np.dtype(np.uint16)
        options: dict[str, Any] = {"compression": "zlib", "metadata": None, **(self.source.tags or {})}
        if self.source.words == "imagej" or "resolution" not in options:
            options |= resolution(self.source)
        options["photometric"] = "rgb" if kind == "overlay" else "minisblack"
        if kind == "classes":
            table = np.zeros((3, 256), np.uint16)
            table[:, : len(self.colors)] = np.array(self.colors, np.uint16).T * 257
            options |= {"photometric": "palette", "colormap": table}
        names = self.names if kind == "probabilities" else ()
        if kind not in self.described:
            self.described.add(kind)
            options["description"] = description(self.source, str(dtype), 3 if kind == "overlay" else 1, names)
        for plane in (Page(array, (k,)) for k in range(len(names))) if names else (array,):
            if self.source.lazy:
                file.write(_tiles(plane, dtype), shape=plane.shape, dtype=dtype, tile=(TILE, TILE), **options)
            else:
                file.write(np.asarray(plane[:], dtype), **options)
            options.pop("description", None)

    def _dtype(self, kind: str) -> str:
        """Probabilities are float32 in a TIFF, as few programs read its half floats."""
        in_tiff = kind in self.paths and self.paths[kind].suffix.lower() in TIFF
        return "float32" if kind == "probabilities" and in_tiff else DTYPES[kind]

    def _is_small(self) -> bool:
        """Whether 16 bits suffice for the numbers of objects."""
        return self.largest <= np.iinfo(np.uint16).max

    largest = 0  # number of an object


class Page:
    """One page of an array, read and written by slices."""

    def __init__(self, array: Any, lead: tuple[int, ...]) -> None:
        self.array, self.lead, self.shape = array, lead, tuple(array.shape[len(lead) :])

    def __getitem__(self, key: Any) -> Any:
        return self.array[self.lead + (key if isinstance(key, tuple) else (key,))]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.array[self.lead + (key if isinstance(key, tuple) else (key,))] = value


def _tiles(array: Any, dtype: Any) -> Iterator[Any]:
    for top in range(0, array.shape[0], TILE):
        for left in range(0, array.shape[1], TILE):
            yield np.asarray(array[top : top + TILE, left : left + TILE]).astype(dtype)
