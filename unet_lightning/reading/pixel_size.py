"""How large a pixel is, as files say it: resolution of a TIFF, ImageJ, OME-XML, NIfTI and OME-Zarr."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from unet_lightning.reading.format import format_of
from unet_lightning.reading.nifti import slice_pixel_size
from unet_lightning.reading.upright import TURNED

MICROMETRES = {  # in a unit, by its names
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("inch", "in", '"'), 25400.0),
}
BY_TAG = {2: "inch", 3: "cm"}  # values of ResolutionUnit (TIFF 6.0)
PRINT = (72, 96, 150, 300)  # dots an inch that programs write who know no size
GEOGRAPHIC = (33550, 34264)  # tags of GeoTIFF: the size on the ground, whose unit lies elsewhere


@dataclass(frozen=True)
class PixelSize:
    """Height and width of a pixel in a unit, um or mm."""

    height: float
    width: float
    unit: str

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width."""
        return self.height, self.width

    def in_unit(self, unit: str) -> "PixelSize":
        """The same in um or mm.

        >>> PixelSize(500, 250, "um").in_unit("mm")
        PixelSize(height=0.5, width=0.25, unit='mm')
        """
        factor = MICROMETRES[self.unit] / MICROMETRES[unit]
        return PixelSize(self.height * factor, self.width * factor, unit)


def stated_size(node: Mapping[str, Any]) -> PixelSize | None:
    """What `data.pixel_size` and `data.unit` say; None without it."""
    size = node.get("pixel_size")
    if size is None:
        return None
    height, width = size if isinstance(size, Sequence) else (size, size)
    return PixelSize(float(height), float(width), node.get("unit") or "um")


def scale_to(size: PixelSize, target: float, unit: str) -> tuple[float, float]:
    """What height and width in pixels are multiplied by so that pixels have the side `target`, in a unit.

    >>> scale_to(PixelSize(0.25, 0.5, "um"), 0.5, "um")
    (0.5, 1.0)
    """
    height, width = size.in_unit(unit).sides
    return height / target, width / target


def pixel_size(path: Path) -> PixelSize | None:
    """What the header of an image says, None where it says nothing; a folder (Zarr) and a damaged file say nothing."""
    if not path.is_file():
        return None
    kind = format_of(path)
    if kind == "nifti":
        sides, unit = slice_pixel_size(path)
        found = in_micrometres(sides, [unit] * 2)
        return None if found is None else PixelSize(*found, "um").in_unit("mm")
    if kind != "tiff":
        return None
    import tifffile  # by those who read one

    with tifffile.TiffFile(path) as file:
        return tiff_size(file)


def tiff_size(file: Any) -> PixelSize | None:
    """Of an open TIFF: OME-XML, else ImageJ's unit, else its resolution; None for one that only printers use."""
    page = file.pages.first
    if any(code in page.tags for code in GEOGRAPHIC):
        return None
    if file.is_ome:
        sides = ome_size(file.ome_metadata)
    else:
        unit = str((file.imagej_metadata or {}).get("unit", "")).lower() if file.is_imagej else ""
        sides = _by_resolution(page, unit)
    if sides is None:
        return None
    turned = "Orientation" in page.tags and page.tags["Orientation"].value >= TURNED
    height, width = reversed(sides) if turned else sides
    return PixelSize(height, width, "um")


def ome_size(text: str) -> tuple[float, float] | None:
    """Height and width in um of the first picture of an OME-XML."""
    try:
        pixels = next(one for one in ElementTree.fromstring(text).iter() if one.tag.rsplit("}", 1)[-1] == "Pixels")
    except (ElementTree.ParseError, StopIteration):
        return None
    sides = (pixels.get(f"PhysicalSize{axis}") for axis in "YX")
    units = (pixels.get(f"PhysicalSize{axis}Unit", "um").lower() for axis in "YX")
    return in_micrometres(list(sides), list(units))


def in_micrometres(sides: Sequence[Any], units: Sequence[str]) -> tuple[float, float] | None:
    """Height and width in um; None unless both are positive numbers in units that are known."""
    try:
        height, width = (float(side) * MICROMETRES[unit] for side, unit in zip(sides, units, strict=True))
    except (TypeError, ValueError, KeyError):
        return None
    good = height > 0 and width > 0 and isfinite(height * width)
    return (height, width) if good else None


def _by_resolution(page: Any, unit: str) -> tuple[float, float] | None:
    """By pixels a unit: ImageJ's, else that of the tag."""
    if not {"XResolution", "YResolution"} <= {tag.name for tag in page.tags}:
        return None
    tag = page.tags.get("ResolutionUnit")
    by_tag = BY_TAG.get(int(tag.value)) if tag is not None else None
    unit = unit or by_tag or ""
    try:
        pixels, units = zip(*(page.tags[name].value for name in ("YResolution", "XResolution")), strict=True)
        sides = [length / number for number, length in zip(pixels, units, strict=True)]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    found = in_micrometres(sides, [unit] * 2)
    printed = by_tag is not None and unit == by_tag and found and any(_is(found, 25400 / dots) for dots in PRINT)
    return None if printed else found


def _is(sides: tuple[float, float], size: float) -> bool:
    """Whether both sides are that size, to a pixel in a hundred."""
    return all(abs(side / size - 1) < 0.01 for side in sides)
