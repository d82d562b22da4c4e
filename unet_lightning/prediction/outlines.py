"""Outlines of objects in the files of other programs: GeoJSON of QuPath, ROIs of ImageJ, COCO."""

import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.label import Color
from unet_lightning.prediction.collector import Collector, PageObjects
from unet_lightning.prediction.names import outline_file, part_of
from unet_lightning.prediction.plane import Source
from unet_lightning.prediction.polygon import Ring, object_masks, polygons
from unet_lightning.reading.optional import require
from unet_lightning.runtime.files import write_json

LARGEST = 2**15 - 1  # a coordinate that ImageJ's ROIs hold
MOVE, LINE, CLOSE = 0, 1, 4  # steps of a path, as Java's PathIterator numbers them


class GeoJson(Collector):
    """NAME.geojson beside the labels, as QuPath reads it: a feature an object, with the name and colour of its class.

    Pages of a stack are its planes by the axes z and t, of other stacks by t.
    """

    def __init__(self, folder: Path, overwrite: bool, colors: Mapping[str, Color]) -> None:
        self.folder, self.overwrite, self.colors = folder, overwrite, colors

    def has(self, name: Path) -> bool:
        """Whether the file is there, and is to be kept."""
        return outline_file(self.folder, name, ".geojson").exists() and not self.overwrite

    def take(self, page: PageObjects) -> None:
        """Append features to the part of the file."""
        place = page.source.place(page.page) or {"t": page.page}
        plane = {"plane": {"c": -1, "z": place.get("z", 0), "t": place.get("t", 0)}} if page.source.stack else {}
        with self._part(page.name).open("a", encoding="utf-8") as file:
            for k, (mask, corner) in enumerate(object_masks(page.objects, len(page.kinds))):
                name = page.names[page.kinds[k]]
                parts = [[_closed(ring) for ring in polygon] for polygon in polygons(mask, corner)]
                form = ("Polygon", parts[0]) if len(parts) == 1 else ("MultiPolygon", parts)
                properties = {
                    "objectType": "detection",
                    "name": str(page.first + k),
                    "classification": {"name": name, "color": list(self.colors[name])},
                }
                geometry = {"type": form[0], "coordinates": form[1], **plane}
                file.write(json.dumps({"type": "Feature", "geometry": geometry, "properties": properties}) + "\n")

    def keep(self, name: Path) -> None:
        """Make a collection of the features, and give it its name."""
        part = self._part(name)
        whole = part.with_suffix(".whole")
        with part.open(encoding="utf-8") as features, whole.open("w", encoding="utf-8") as file:
            file.write('{"type": "FeatureCollection", "features": [\n')
            file.writelines(line if not k else f",{line}" for k, line in enumerate(features))
            file.write("]}\n")
        os.replace(whole, outline_file(self.folder, name, ".geojson"))
        part.unlink()

    def drop(self, name: Path) -> None:
        """Remove the part."""
        self._part(name).unlink(missing_ok=True)

    def _part(self, name: Path) -> Path:
        return part_of(outline_file(self.folder, name, ".geojson"))


class Rois(Collector):
    """NAME.zip beside the labels, as ImageJ's ROI manager opens it: a ROI an object, its group is the class id.

    The place in a stack is that of its axes t and z, or the number of the page.
    """

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.roifile: Any = require("roifile", "roi")

    def has(self, name: Path) -> bool:
        """Whether the file is there, and is to be kept."""
        return outline_file(self.folder, name, ".zip").exists() and not self.overwrite

    def refuses(self, source: Source) -> str:
        """ImageJ's numbers have 16 bits."""
        side = max(source.shape[1:3])
        return (
            f"{side} pixels wide; ImageJ's ROIs hold {LARGEST} at most; give --outlines geojson"
            if side > LARGEST
            else ""
        )

    def take(self, page: PageObjects) -> None:
        """Append ROIs to the part of the file."""
        place = page.source.place(page.page)
        positions = {f"{name}_position": number + 1 for name, number in place.items() if name in ("t", "z")}
        positions = positions if positions or not page.source.stack else {"position": page.page + 1}
        with ZipFile(self._part(page.name), "a", ZIP_DEFLATED) as file:
            for k, (mask, corner) in enumerate(object_masks(page.objects, len(page.kinds))):
                roi = self._roi(list(chain(*polygons(mask, corner))))
                roi.name = f"{page.first + k:05d}-{page.names[page.kinds[k]]}"
                roi.group = int(page.kinds[k])
                for key, value in positions.items():
                    setattr(roi, key, value)
                file.writestr(ZipInfo(f"{page.page:04d}-{page.first + k:05d}.roi"), roi.tobytes(), ZIP_DEFLATED)

    def keep(self, name: Path) -> None:
        """Give the file its name."""
        os.replace(self._part(name), outline_file(self.folder, name, ".zip"))

    def drop(self, name: Path) -> None:
        """Remove the part."""
        self._part(name).unlink(missing_ok=True)

    def _part(self, name: Path) -> Path:
        return part_of(outline_file(self.folder, name, ".zip"))

    def _roi(self, rings: list[Ring]) -> Any:
        """A traced ROI of one ring, or a composite one of several, whose inside is what an odd number of them holds."""
        if len(rings) == 1:
            roi = self.roifile.ImagejRoi.frompoints(rings[0].astype(np.int32))
            roi.roitype = self.roifile.ROI_TYPE.TRACED
            return roi
        steps = [_path(ring) for ring in rings]
        roi, corners = self.roifile.ImagejRoi(), np.concatenate(rings)
        roi.roitype, roi.multi_coordinates = self.roifile.ROI_TYPE.RECT, np.concatenate(steps)
        roi.shape_roi_size = len(roi.multi_coordinates)
        (roi.left, roi.top), (roi.right, roi.bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return roi


class Coco(Collector):
    """annotations.json in the output folder: polygons, and run lengths of objects with holes; ids of classes as here.

    Pictures of an earlier call stay, unless they are done again.
    """

    def __init__(self, folder: Path, overwrite: bool, classes: tuple[str, ...]) -> None:
        self.path, self.overwrite, self.classes = folder / "annotations.json", overwrite, classes
        self.images: dict[str, dict[str, Any]] = {}
        self.annotations: dict[str, list[dict[str, Any]]] = {}
        self.taken: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
        if self.path.is_symlink():
            raise InputError(f"{self.path} leads elsewhere; take the link away, or give another --output")
        if self.path.exists():
            self._read()
        self.before = set(self.images)

    def _read(self) -> None:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            names = {image["id"]: image["file_name"] for image in content["images"]}
            categories = {one["id"]: one["name"] for one in content["categories"]}
            self.images = {image["file_name"]: image for image in content["images"]}
            for one in content["annotations"]:
                self.annotations.setdefault(names[one["image_id"]], []).append(one)
        except (ValueError, LookupError, TypeError):
            raise InputError(
                f"{self.path} isn't COCO as predict writes it; move it, or give another --output"
            ) from None
        if categories != dict(enumerate(self.classes[1:], 1)):
            raise InputError(f"{self.path} has other classes than the checkpoint; give another --output")

    def has(self, name: Path) -> bool:
        """Whether the file holds the picture, and is to keep it."""
        return name.as_posix() in self.before and not self.overwrite

    def refuses(self, source: Source) -> str:
        """An image of COCO is one picture."""
        return "COCO describes single pictures, this is a stack; give --outlines geojson or roi" if source.stack else ""

    def take(self, page: PageObjects) -> None:
        """Describe the objects of a picture."""
        (height, width), found = page.objects.shape, []
        for k, (mask, corner) in enumerate(object_masks(page.objects, len(page.kinds))):
            parts = polygons(mask, corner)
            holes = any(len(polygon) > 1 for polygon in parts)
            box = [corner[1], corner[0], mask.shape[1], mask.shape[0]]
            outline: Any = [polygon[0].ravel().tolist() for polygon in parts]
            if holes:
                outline = {"size": [height, width], "counts": _run_lengths(mask, corner, height, width)}
            found.append(
                {"category_id": int(page.kinds[k]), "iscrowd": 0, "area": int(mask.sum()), "bbox": box}
                | {"segmentation": outline}
            )
        name = page.name.as_posix()
        self.taken[name] = {"file_name": name, "height": height, "width": width}, found

    def keep(self, name: Path) -> None:
        """Put the picture among the complete ones."""
        key = name.as_posix()
        self.images[key], self.annotations[key] = self.taken.pop(key)

    def drop(self, name: Path) -> None:
        """Forget the picture."""
        self.taken.pop(name.as_posix(), None)

    def close(self) -> None:
        """Write the file, its ids counted anew."""
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, (name, image) in enumerate(self.images.items(), 1):
            images.append({**image, "id": number})
            for one in self.annotations.get(name, ()):
                annotations.append({**one, "id": len(annotations) + 1, "image_id": number})
        categories = [{"id": k, "name": name} for k, name in enumerate(self.classes[1:], 1)]
        if images:
            write_json(self.path, {"images": images, "annotations": annotations, "categories": categories})


def _closed(ring: Ring) -> list[list[int]]:
    return [*ring.tolist(), ring[0].tolist()]


def _path(ring: Ring) -> NDArray[np.float32]:
    """A closed path as ImageJ stores it: numbers of steps with the points they lead to."""
    kinds = [MOVE, *[LINE] * (len(ring) - 1)]
    steps = [(kind, *point) for kind, point in zip(kinds, ring.tolist(), strict=True)]
    return np.array([*chain(*steps), CLOSE], np.float32)


def _run_lengths(mask: NDArray[np.bool_], corner: tuple[int, int], height: int, width: int) -> list[int]:
    """COCO's counts of a mask (h, w) at a place in a picture: down the columns, background first."""
    rows, columns = np.nonzero(mask)
    places = np.sort((columns + corner[1]) * height + rows + corner[0])
    begins = places[np.diff(places, prepend=-2) > 1]
    ends = places[np.diff(places, append=places[-1] + 2) > 1] + 1
    counts: list[int] = np.diff(np.stack([begins, ends], 1).ravel(), prepend=0, append=height * width).tolist()
    return counts
