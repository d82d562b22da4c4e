"""labelme's description files: one JSON per picture, with polygons, rectangles, circles and masks by class name."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_lightning.error import InputError, some
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.names import guess_notes, locate
from unet_lightning.reading.objects import IGNORED, Object, boxed, outline, to_objects_sample
from unet_lightning.reading.text import read_json
from unet_lightning.record import Record
from unet_lightning.sample import Sample

BACKGROUND, IGNORE = "_background_", "__ignore__"  # labelme's own words
DRAWN = ("polygon", "rectangle", "circle", "mask")
AREAS = "draw polygons, rectangles, circles or masks; correct it"
CIRCLE = np.linspace(0, 2 * np.pi, 90, endpoint=False)


def image_name(path: Path) -> str:
    """The picture a JSON names, as a path beside it; InputError where it names none."""
    name = read_json(path).get("imagePath")
    if not isinstance(name, str) or not name:
        raise InputError(f"{path} has no imagePath; expected a file written by labelme; correct it")
    return name


def find_images(paths: Sequence[Path]) -> tuple[dict[Path, Path], list[str], list[str]]:
    """The pictures that JSON files of one folder name, by the JSON; and findings and notes."""
    names: dict[Path, str] = {}
    findings = []
    for path in paths:
        try:
            names[path] = image_name(path)
        except InputError as error:
            findings.append(str(error))
    folder = paths[0].parent
    exact, guessed = locate(names.values(), [folder])
    found = exact | guessed
    lost = [f"{path} names {name}" for path, name in names.items() if name not in found]
    if lost:
        verb = "is" if len(lost) == 1 else "are"
        findings.append(f"{some(lost)}, which {verb} not there; add the picture, or correct imagePath")
    return {path: found[name] for path, name in names.items() if name in found}, findings, guess_notes(folder, guessed)


def read(record: Record, classes: Sequence[str], channels: int | None, axes: str | None = None) -> Sample:
    """The sample of a picture and its JSON. Shapes of one label and one group are one object; `__ignore__` counts
    nowhere. A later shape lies on top of an earlier one, as labelme's own exports have it.
    """
    assert record.mask is not None
    image = as_channels(read_image(record.image, axes=axes), channels)
    content = read_json(record.mask)
    stated = tuple(content.get(key) for key in ("imageHeight", "imageWidth"))
    try:
        if None not in stated and stated != image.shape[:2]:
            raise InputError(
                f"drawn on {stated[0]}x{stated[1]}, its image is {image.shape[0]}x{image.shape[1]}; "
                "give the image it was drawn on"
            )
        return to_objects_sample(image, _objects(content, classes, image.shape[:2]), len(classes))
    except InputError as error:
        raise InputError(f"{record.mask}: {error}") from None


def _objects(content: dict[str, Any], classes: Sequence[str], shape: tuple[int, ...]) -> Iterator[Object]:
    kinds = {name: k for k, name in enumerate(classes)} | {BACKGROUND: 0, IGNORE: IGNORED}
    groups: dict[Any, NDArray[np.bool_]] = {}
    shapes = content.get("shapes")
    if not isinstance(shapes, list) or not all(isinstance(drawn, dict) for drawn in shapes):
        raise InputError("no list of shapes; expected a file written by labelme; correct it")
    flat = [kind for drawn in shapes if (kind := str(drawn.get("shape_type", "polygon"))) not in DRAWN]
    if len(flat) == 1:
        raise InputError(f"a shape is a {flat[0]}, which has no area; {AREAS}")
    if flat:
        kinds_of = ", ".join(f"{number} of kind {kind}" for kind, number in Counter(flat).most_common())
        raise InputError(f"{len(flat)} of {len(shapes)} shapes have no area ({kinds_of}); {AREAS}")
    for number, drawn in enumerate(shapes):
        label, group = drawn.get("label"), drawn.get("group_id")
        if label not in kinds:
            names = ",".join([*classes, str(label)])
            raise InputError(f"a shape is called {label}, not in data.classes; set 'data.classes=[{names}]'")
        key = (label, "alone", number) if group is None else (label, group)
        mask = _mask(drawn, (shape[0], shape[1]))
        groups[key] = groups[key] | mask if key in groups else mask
    for key, mask in groups.items():
        yield from boxed(kinds[key[0]], mask)


def _mask(drawn: dict[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) of one shape."""
    kind = drawn.get("shape_type", "polygon")
    try:
        points = np.asarray(drawn["points"], np.float64).reshape(-1, 2)
        if kind == "polygon":
            return outline([points], shape)
        if kind == "rectangle":
            (x0, y0), (x1, y1) = points
            return outline([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], shape)
        if kind == "circle":
            centre, rim = points
            circle = centre + np.hypot(*(rim - centre)) * np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], 1)
            return outline([circle.clip(0, shape[::-1])], shape)
        return _stamp(drawn["mask"], points, shape)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"a {kind} can't be read ({error!r}); draw it again in labelme, or take it out; "
                         "correct the file") from None  # fmt: skip


def _stamp(text: str, points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) of a mask kept as a PNG for its box."""
    with Image.open(BytesIO(b64decode(text))) as picture:
        stamp = np.asarray(picture) > 0
    left, top = points[0].astype(int)
    mask = np.zeros(shape, bool)
    place = mask[top : top + stamp.shape[0], left : left + stamp.shape[1]]
    if min(left, top) < 0 or place.shape != stamp.shape:
        raise InputError(f"a mask of {stamp.shape} at {points[0].tolist()} lies beyond its image; correct it")
    place[:] = stamp
    return mask
