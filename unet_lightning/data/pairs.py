"""Images and labels paired by their names: `images/` beside `masks/` or `instances/`, or JSON of labelme."""

from collections.abc import Sequence
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.reading import labelme
from unet_lightning.reading.endings import IMAGES, LABELS
from unet_lightning.record import SPLITS, Record

PAIRING = "give both the same name before the ending, or list the pairs in manifest.csv"
Found = tuple[list[Record], list[str]]


def pair(folder: Path, classes: Sequence[str] = ()) -> Found:
    """Images and labels of equal names as records, and a finding for each image or label without its partner."""
    parts = [split for split in SPLITS if (folder / split / "images").is_dir()]
    records: list[Record] = []
    findings: list[str] = []
    for split in parts or [""]:
        found, lonely = _pair_one(folder / split, split, classes)
        records += found
        findings += lonely
    return records, findings


def _pair_one(folder: Path, split: str, classes: Sequence[str]) -> Found:
    base = folder / "images" if (folder / "images").is_dir() else folder
    images = files(base, IMAGES)
    if not images:
        expected = f"images/ with {' '.join(IMAGES)} and masks/ or instances/, or manifest.csv"
        raise InputError(f"{folder} holds no pictures to train on; expected {expected}; set data.root")
    labels = {name: files(folder / name, LABELS) for name in ("masks", "instances") if (folder / name).is_dir()}
    if not labels and list(base.glob("*.json")):
        return _annotated(base, images, split)
    if not labels:
        raise InputError(f"{folder} has no masks/ and no instances/; expected one label for every image; add them")
    if "masks" in labels and not labels["masks"]:
        del labels["masks"]
        labels |= _class_folders(folder / "masks", classes)
    whole, lonely = set(images), []
    for place, found in labels.items():
        lonely += [f"{images[k]} has no partner in {place}/; {PAIRING}" for k in sorted(images.keys() - found.keys())]
        lonely += [f"{found[k]} has no partner in images/; {PAIRING}" for k in sorted(found.keys() - images.keys())]
        whole &= found.keys()
    masks, instances = (labels.pop(name, {}) for name in ("masks", "instances"))
    records = []
    for name in sorted(whole):
        parts = tuple(found[name] for found in labels.values())  # what is left are the classes in their order
        files_of = (images[name], masks.get(name), instances.get(name))
        records.append(Record(f"{split}/{name}".lstrip("/"), *files_of, split=split, parts=parts))
    return records, lonely


def _annotated(base: Path, images: dict[str, Path], split: str) -> Found:
    """Pictures with labelme's JSON beside them, paired by the picture each JSON names."""
    records, findings, seen = [], [], set()
    for path in sorted(base.glob("*.json")):
        try:
            image = labelme.image_of(path)
            records.append(Record(f"{split}/{path.stem}".lstrip("/"), image, path, split=split))
            seen.add(image)
        except InputError as error:
            findings.append(str(error))
    lonely = [path for path in images.values() if path not in seen]
    return records, findings + [
        f"{path} is named by no JSON beside it; add its labels, or take it out" for path in lonely
    ]


def _class_folders(folder: Path, classes: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Files of the folder `masks/NAME` of each class but background, in the order of the classes."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not names or set(names) - {classes[0]} != set(classes[1:]):
        line = ",".join([classes[0], *(name for name in names if name != classes[0])])
        came = f"the folders {', '.join(names)}" if names else "no labels"
        raise InputError(
            f"{folder} holds {came}; expected {' '.join(LABELS)}, or a folder for each of {', '.join(classes[1:])}; "
            f"set 'data.classes=[{line}]' or add them"
        )
    return {f"masks/{name}": files(folder / name, LABELS) for name in classes[1:]}


def files(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """File names without ending to paths; InputError where two files share a name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        ending = next((e for e in sorted(endings, key=len, reverse=True) if path.name.lower().endswith(e)), None)
        if ending is not None:
            name = path.name[: -len(ending)]
            if name in found:
                raise InputError(
                    f"{path} and {found[name]} share a name; expected one file per name; give each its own"
                )
            found[name] = path
    return found
