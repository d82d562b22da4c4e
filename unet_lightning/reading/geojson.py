"""GeoJSON of QuPath: a file a picture, polygons with holes and several parts, classes by name."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError, counted
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.objects import IGNORED, Object, boxed, outline, smallest_last, to_objects_sample
from unet_lightning.reading.text import parse_json
from unet_lightning.record import Record
from unet_lightning.sample import Sample

ENDING = ".geojson"
IGNORE = "*"  # at the end of a class's name: QuPath leaves such regions out of its measurements


def read(record: Record, classes: Sequence[str], channels: int | None, axes: str | None = None) -> Sample:
    """The sample of a picture and its GeoJSON: the smaller object lies on top, those of `Ignore*` classes are ignored.

    An object without a class is of the one class that isn't background; where there are several it is refused.
    """
    path = record.mask or record.instances
    assert path is not None
    image = as_channels(read_image(record.image, record.page, axes), channels)
    content = parse_json(path)
    try:
        objects = smallest_last(_objects(_features(content), classes, (image.shape[0], image.shape[1])))
        return to_objects_sample(image, objects, len(classes))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _features(content: Any) -> list[dict[str, Any]]:
    """The features of a collection, of a list or of one alone."""
    if isinstance(content, dict):
        content = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    features: list[Any] = content if isinstance(content, list) else [None]
    if not all(isinstance(found, dict) and found.get("type") == "Feature" for found in features):
        raise InputError("no list of features; expected GeoJSON as QuPath exports it; export it again")
    return features


def _objects(features: Sequence[dict[str, Any]], classes: Sequence[str], shape: tuple[int, int]) -> Iterator[Object]:
    kinds = {name: k for k, name in enumerate(classes)}
    names = [_class_name(found) for found in features]
    strange = [name for name in dict.fromkeys(names) if name and name not in kinds and not name.endswith(IGNORE)]
    if strange:
        line = ",".join([*classes[:1], *dict.fromkeys(name for name in names if name and name != classes[0])])
        raise InputError(f"an object is called {strange[0]}, not in data.classes; set 'data.classes=[{line}]'")
    if "" in names and len(classes) != 2:
        came = f"{counted(names.count(''), 'object')} without a class"
        raise InputError(f"{came}; expected one of {', '.join(classes)}; set it in QuPath and export again")
    for found, name in zip(features, names, strict=True):
        kind = 1 if not name else kinds.get(name, IGNORED)
        yield from boxed(kind, _mask(found.get("geometry"), shape))


def _class_name(feature: dict[str, Any]) -> str:
    """`properties.classification.name`, or its `names` as QuPath shows them, or ''."""
    properties = feature.get("properties")
    found = properties.get("classification") if isinstance(properties, dict) else None
    if isinstance(found, dict):
        names = found.get("names")
        found = found.get("name") or (": ".join(map(str, names)) if isinstance(names, list) else None)
    return str(found) if found else ""


def _mask(geometry: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) of a Polygon or MultiPolygon: the first ring of a polygon is its outline, the others are holes in it."""
    kind, parts = (geometry.get("type"), geometry.get("coordinates")) if isinstance(geometry, dict) else (None, None)
    if kind not in ("Polygon", "MultiPolygon"):
        raise InputError(f"an object is a {kind}, which has no area; expected Polygon or MultiPolygon; take it out")
    polygons = [parts] if kind == "Polygon" else parts
    if not isinstance(polygons, list) or not all(isinstance(rings, list) and rings for rings in polygons):
        raise InputError("a polygon has no rings; correct or take out the object")
    masks = [_filled(rings, shape) for rings in polygons] or [np.zeros(shape, bool)]
    return reduce(np.logical_or, masks)


def _filled(rings: list[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) of one polygon. Most have no hole, and each look at the whole image takes as long as drawing it."""
    mask = outline(rings[:1], shape)
    return mask & ~outline(rings[1:], shape) if len(rings) > 1 else mask
