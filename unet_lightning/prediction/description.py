"""What the first page of a TIFF says of the others: their axes, the size of a pixel and the names of classes."""

from collections.abc import Sequence
from xml.etree import ElementTree

from unet_lightning.prediction.plane import Source

OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
TYPES = {"float32": "float"}  # names of OME that aren't NumPy's


def description(source: Source, dtype: str, samples: int, channels: Sequence[str] = ()) -> bytes | None:
    """The description of an output of `source`, in the words of the input; None where there is nothing to say.

    samples: numbers a pixel. channels: names of the pages that each page of the input becomes.
    """
    if source.words == "imagej" and not channels:
        return _imagej(source)
    sayable = {name for name, _ in source.axes} <= {"t", "z"} and (source.axes or source.shape[0] == 1)
    return _ome(source, dtype, samples, channels) if sayable and (channels or source.axes or source.words) else None


def _imagej(source: Source) -> bytes:
    """As ImageJ writes it: https://imagej.net/ij/source/ij/io/FileInfo.java, decoded there by `decodeDescription`."""
    sizes = dict(source.axes)
    lines = ["ImageJ=1.11a", f"images={source.shape[0]}"]
    lines += [f"{word}={sizes[name]}" for name, word in (("z", "slices"), ("t", "frames")) if name in sizes]
    lines += ["hyperstack=true", "mode=grayscale"] if source.axes else []
    lines += ["unit=um"] if source.pixel_size else []
    return "".join(f"{line}\n" for line in lines).encode()


def _ome(source: Source, dtype: str, samples: int, channels: Sequence[str]) -> bytes:
    """OME-XML of 2016-06, whose planes are the pages in their order."""
    sizes, (pages, height, width, _) = dict(source.axes), source.shape
    order = "XYC" + "".join(name.upper() for name in [*reversed(sizes), *(name for name in "zt" if name not in sizes)])
    number = len(channels) or samples
    pixels = {"ID": "Pixels:0", "DimensionOrder": order, "Type": TYPES.get(dtype, dtype)}
    sides = {"X": width, "Y": height, "C": number, "Z": sizes.get("z", 1), "T": sizes.get("t", 1)}
    pixels |= {f"Size{axis}": str(side) for axis, side in sides.items()}
    if source.pixel_size:
        size = source.pixel_size.in_unit("um")
        for axis, side in (("X", size.width), ("Y", size.height)):
            pixels |= {f"PhysicalSize{axis}": f"{side:.10g}", f"PhysicalSize{axis}Unit": "\u00b5m"}
    root = ElementTree.Element("OME", {"xmlns": OME, "Creator": "unet-lightning"})
    image = ElementTree.SubElement(root, "Image", {"ID": "Image:0"})
    node = ElementTree.SubElement(image, "Pixels", pixels)
    for k in range(len(channels) or 1):
        named = {"Name": channels[k]} if channels else {}
        ElementTree.SubElement(node, "Channel", {"ID": f"Channel:0:{k}", "SamplesPerPixel": str(samples), **named})
    ElementTree.SubElement(node, "TiffData", {"IFD": "0", "PlaneCount": str(pages * (len(channels) or 1))})
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text


def resolution(source: Source) -> dict[str, object]:
    """Pixels a centimetre, or a unit that ImageJ's description names; empty without a known size."""
    if source.pixel_size is None:
        return {}
    size = source.pixel_size.in_unit("um")
    if source.words == "imagej":
        return {"resolution": (1 / size.width, 1 / size.height), "resolutionunit": 1}
    return {"resolution": (1e4 / size.width, 1e4 / size.height), "resolutionunit": 3}
