"""Images and labels paired by their names: `images/` beside `masks/` or `instances/`, or JSON of labelme."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from unet_lightning.data.layout import split_of
from unet_lightning.data.suffix import common_suffix, override, without_suffix
from unet_lightning.data.unread import unread
from unet_lightning.error import InputError, some
from unet_lightning.reading import geojson, labelme, roi
from unet_lightning.reading.endings import IMAGES, LABELS
from unet_lightning.reading.found import Found
from unet_lightning.reading.names import is_hidden, spelled, walk
from unet_lightning.record import SPLITS, Record

PAIRING = "give both the same name before the ending, or list the pairs in manifest.csv"
OBJECT_NUMBERS = ("_cp_masks",)  # ends of names that programs give to pictures of object numbers: Cellpose


def pair(folder: Path, classes: Sequence[str] = (), suffix: str = "") -> Found:
    """Images and labels of equal names as records, and findings for halves of pairs that miss the other.

    Names are paths below images/ and masks/ without ending. suffix: the end of the labels' names that the images' lack.
    """
    found = Found()
    for place in _split_folders(folder) or [folder]:
        found.extend(_pair_one(place, split_of(place.name) if place != folder else "", classes, suffix))
    return found


def _split_folders(folder: Path) -> list[Path]:
    """The folders below that hold images/ and are called like a split, in the order of the splits."""
    named = [path for path in _folders(folder) if split_of(path.name) and _below(path, "images")]
    return sorted(named, key=lambda path: (SPLITS.index(split_of(path.name)), path.name))


def _pair_one(folder: Path, split: str, classes: Sequence[str], suffix: str) -> Found:
    inner = _below(folder, "images")
    base = inner or folder
    listed = list(walk(base, deep=inner is not None))
    images = by_name(listed, base, IMAGES)
    if not images:
        expected = f"images/ with {' '.join(IMAGES)} and masks/ or instances/, or manifest.csv"
        lie = "".join(f"; {line}" for line in unread(folder, []))
        raise InputError(f"{folder} holds no pictures to train on{lie}; expected {expected}; set data.root")
    seen = [inner] if inner else list(images.values())
    places = {name: place for name in ("masks", "instances") if (place := _below(folder, name))}
    prefix = f"{folder.name}/" if split else ""
    if places:
        labels = _labels(places, images, classes, suffix)
        return _joined(images, labels, prefix, split, [*seen, *places.values()])
    outlined = by_name(listed, base, (geojson.ENDING, roi.ENDING))
    if outlined:
        return _joined(images, {"masks": outlined}, prefix, split, seen)
    described = [path for path in listed if path.suffix.lower() == ".json"]
    if described:
        found = _annotated(described, base, images)
        records = [replace(record, id=f"{prefix}{record.id}", split=split) for record in found.records]
        return replace(found, records=records, seen=seen)
    images, labels = _beside(folder, images, suffix)
    return _joined(images, labels, prefix, split, seen)


def _labels(
    places: Mapping[str, Path], images: Mapping[str, Path], classes: Sequence[str], suffix: str
) -> dict[str, dict[str, Path]]:
    """The files of masks/ and instances/ by their names; of masks/ that holds a folder a class, those of each."""
    labels: dict[str, dict[str, Path]] = {}
    for name, place in places.items():
        found = without_suffix(files(place, LABELS), suffix)
        nested = found.keys() & images.keys() or common_suffix(images, found)
        if name == "masks" and not nested and all("/" in key for key in found):
            labels |= _class_folders(place, classes, suffix)
        else:
            labels[name] = found
    return labels


def _beside(folder: Path, images: dict[str, Path], suffix: str) -> tuple[dict[str, Path], dict[str, dict[str, Path]]]:
    """Images, and labels that lie between them and differ from them by the end of their names."""
    end = suffix or common_suffix(images, images)
    labels = {name: path for name, path in images.items() if end and name.endswith(end)}
    if not labels or not suffix:
        alike = f" {some(list(labels.values()))}: named like images with {end} at the end; " if labels else " "
        remedy = f"set {override(end)} if they are the labels" if labels else "add them"
        raise InputError(
            f"{folder} has no masks/ and no instances/;{alike}expected one label for every image; {remedy}"
        )
    kind = "instances" if suffix in OBJECT_NUMBERS else "masks"
    return {k: path for k, path in images.items() if k not in labels}, {kind: without_suffix(labels, suffix)}


def _joined(
    images: Mapping[str, Path], labels: dict[str, dict[str, Path]], prefix: str, split: str, seen: list[Path]
) -> Found:
    """A record for every image that has all its labels."""
    whole, lonely = set(images), []
    for place, found in labels.items():
        lonely += _lonely(images, found, place)
        whole &= found.keys()
    masks, instances = (labels.pop(name, {}) for name in ("masks", "instances"))
    published = all("/" in name and split_of(name.partition("/")[0]) for name in images)
    records = []
    for name in sorted(whole):
        parts = tuple(found[name] for found in labels.values())  # what is left are the classes in their order
        files_of = (images[name], masks.get(name), instances.get(name))
        own = split or (split_of(name.partition("/")[0]) if published else "")
        records.append(Record(f"{prefix}{name}", *files_of, split=own, parts=parts))
    return Found(records, lonely, seen=seen)


def _lonely(images: Mapping[str, Path], labels: Mapping[str, Path], place: str) -> list[str]:
    """Findings for images without a label in a place and for its labels without an image, alike ones in one line."""
    without, alone = images.keys() - labels.keys(), labels.keys() - images.keys()
    findings = []
    if end := common_suffix(without, alone):
        meant = sorted(name for name in alone if name.endswith(end) and name.removesuffix(end) in without)
        shown = some([labels[name] for name in meant])
        numbers = end in OBJECT_NUMBERS and place == "masks"
        more = " and rename masks/ to instances/, as they hold object numbers" * numbers
        findings.append(f"{shown}: named like images with {end} at the end; set {override(end)}{more}")
        without, alone = without - {name.removesuffix(end) for name in meant}, alone - set(meant)
    for paths, other in (([images[k] for k in sorted(without)], place), ([labels[k] for k in sorted(alone)], "images")):
        if paths:
            findings.append(f"{some(paths)} {'has' if len(paths) == 1 else 'have'} no partner in {other}/; {PAIRING}")
    return findings


def _annotated(described: list[Path], base: Path, images: dict[str, Path]) -> Found:
    """Pictures with labelme's JSON beside them, paired by the picture each JSON names."""
    found = Found()
    known = {path.resolve(): path for path in images.values()}
    for _, group in groupby(described, key=lambda path: path.parent):
        named, findings, notes = labelme.find_images(list(group))
        found.findings.extend(findings)
        found.notes.extend(notes)
        for path, image in named.items():
            name = path.relative_to(base).with_suffix("").as_posix()
            found.records.append(Record(name, known.get(image.resolve(), image), path))
    left = [path for path in images.values() if path not in {record.image for record in found.records}]
    if left and not found.findings:
        found.findings.append(f"{some(left)}: named by no JSON beside it; add the labels, or take the picture out")
    return found


def _class_folders(folder: Path, classes: Sequence[str], suffix: str) -> dict[str, dict[str, Path]]:
    """Files of the folder `masks/NAME` of each class but background, in the order of the classes."""
    places = {spelled(path.name): path for path in _folders(folder)}
    if not places or places.keys() - {classes[0]} != set(classes[1:]):
        line = ",".join([classes[0], *(name for name in places if name != classes[0])])
        came = f"the folders {', '.join(places)}" if places else "no labels"
        raise InputError(
            f"{folder} holds {came}; expected {' '.join(LABELS)}, or a folder for each of {', '.join(classes[1:])}; "
            f"set 'data.classes=[{line}]' or add them"
        )
    return {f"masks/{name}": without_suffix(files(places[name], LABELS), suffix) for name in classes[1:]}


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def _below(folder: Path, name: str) -> Path | None:
    """The folder of that name, in any case of letters."""
    exact = folder / name
    return exact if exact.is_dir() else next((path for path in _folders(folder) if path.name.lower() == name), None)


def files(folder: Path, endings: Sequence[str], deep: bool = True) -> dict[str, Path]:
    """The files of a folder with one of the endings, as of `by_name`. deep: also those of the folders below it."""
    return by_name(walk(folder, deep), folder, endings)


def by_name(paths: Iterable[Path], folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Paths below a folder without ending to those files that have one; InputError where two share a name."""
    found: dict[str, Path] = {}
    longest = sorted(endings, key=len, reverse=True)
    for path in paths:
        ending = next((e for e in longest if path.name.lower().endswith(e)), None)
        if ending is not None:
            name = spelled(path.relative_to(folder).as_posix()[: -len(ending)])
            if name in found:
                raise InputError(
                    f"{path} and {found[name]} share a name; expected one file per name; give each its own"
                )
            found[name] = path
    return found
