"""The pictures of the studies: from the bundled nuclei, whose terms allow it, and what a sweep predicted on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.augment.warp import Region
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.label import voc_palette
from unet_lightning.page.picture import displayable, heat, labels_over, outlines_over
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.randomness import SampleKey
from unet_lightning.pipeline.ridge import cut_ridge
from unet_lightning.prediction.load import load
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample
from unet_lightning.weight.border import border_term

HERE = Path(__file__).parent
SIDE = 160  # pixels of the crops that are shown
GAP = 6
SAMPLED = "a102535b0e88"  # a training picture of many nuclei
EXAMPLE = "df53d0b6c2c4"  # the fluorescence picture of the test split in which most nuclei touch
PALETTE = voc_palette(256)
AUGMENTS = ("none", "rotate", "elastic", "paper")
EXAMPLE_OF = ("border_weight", "quick")  # the study and the preset whose predictions are shown
SHOWN = {  # its trials, by what their settings hold
    "no weight": {"weight": "none", "data.ridge": "0"},
    "w0 = 10": {"weight": "border", "weight.w0": "10", "data.ridge": "0"},
    "ridge": {"weight": "none", "data.ridge": "2"},
    "w0 = 10 and ridge": {"weight": "border", "weight.w0": "10", "data.ridge": "2"},
}


def crowded() -> DataSet:
    """The crowded nuclei."""
    place = ["data=folder", f"data.root='{HERE / 'data'}'", "data.manifest=crowded.csv"]
    return find_dataset(resolve(compose([*place, "data.classes=[background,nucleus]"])))


def example(folder: Path, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The objects that the trials of SHOWN with seed 0 find where most nuclei of the example touch, as runs."""
    record, sample = read(EXAMPLE)
    top, left = densest(sample)
    found: dict[str, list[int]] = {}
    for title, wanted in SHOWN.items():
        name = trial_of(trials, wanted | {"data": "crowded"})
        predictor = load(folder / name / "checkpoints" / "best.ckpt", overrides=[], trust=[])
        objects = predictor.postprocess(predictor.predict(sample.image))
        found[title] = runs(objects[top : top + SIDE, left : left + SIDE])
    return {"id": record.id, "top": top, "left": left, "side": SIDE, "objects": found}


def trial_of(trials: Sequence[Mapping[str, Any]], wanted: Mapping[str, str]) -> str:
    """The folder of the one trial of seed 0 whose setting holds all that is wanted; InputError where there is none."""
    found = [t["name"] for t in trials if wanted.items() <= t["setting"].items() and "seed=0" in t["overrides"]]
    if len(found) != 1:
        raise InputError(
            f"{len(found)} trials of seed=0 have {dict(wanted)}; expected one: run the preset as it stands"
        )
    return str(found[0])


def densest(sample: Sample) -> tuple[int, int]:
    """The corner of the square in which most pixels of nuclei lie close to another one; by the reference alone."""
    assert sample.instances is not None
    close = (cut_ridge(sample.mask, sample.instances, 2) != sample.mask).astype(np.float32)
    sums = cv2.boxFilter(close, -1, (SIDE, SIDE), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
    inside = sums[: close.shape[0] - SIDE + 1, : close.shape[1] - SIDE + 1]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    return int(top), int(left)


def runs(labels: NDArray[np.int32]) -> list[int]:
    """(H, W) as value, length, value, length, …, row after row."""
    flat = labels.ravel()
    starts = np.append(0, np.flatnonzero(np.diff(flat)) + 1)
    lengths = np.diff(np.append(starts, flat.size))
    return [int(number) for pair in zip(flat[starts], lengths, strict=True) for number in pair]


def labels_of(numbers: Sequence[int], side: int) -> NDArray[np.int32]:
    """What `runs` wrote, (side, side)."""
    return np.repeat(np.array(numbers[::2], np.int32), numbers[1::2]).reshape(side, side)


def draw_example(found: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Two rows: picture, reference, target with ridge, weight map; and what four settings predict there."""
    _, sample = read(found["id"])
    assert sample.instances is not None
    top, left, side = found["top"], found["left"], found["side"]
    box = np.s_[top : top + side, left : left + side]
    picture, reference = displayable(sample.image)[box], sample.instances[box]
    target = cut_ridge(sample.mask, sample.instances, 2)
    weight = 1 + border_term(np.where(target > 0, sample.instances, 0).astype(np.int32), 10, 5)
    first = {
        "picture": picture,
        "reference": colored(picture, reference),
        "target with ridge": np.repeat(target[box][..., None] * np.uint8(255), 3, 2),
        f"weight, 1 to {weight[box].max():.0f}": heat(weight[box]),
    }
    second = {title: colored(picture, labels_of(numbers, side)) for title, numbers in found["objects"].items()}
    return sheet([first, second], zoom=2)


def draw_samples() -> NDArray[np.uint8]:
    """One training crop, drawn five times under each augmentation, its labels over it."""
    _, sample = read(SAMPLED)
    assert sample.instances is not None
    limits = (float(sample.image.min()), float(sample.image.max()))
    rows = []
    for name in AUGMENTS:
        augment = instantiate(resolve(compose([f"augment={name}"]))["augment"])
        row = {}
        for number in range(5):
            random = SampleKey(seed=0, epoch=0, number=number).generator
            image, labels = augment(sample.image, [sample.instances], Region(100, 100, SIDE, SIDE), 0, random)
            picture = displayable(augment.photometric(image, limits, random), limits)
            row[f"{name} {number + 1}"] = outlines_over(colored(picture, labels[0], 0.25), labels[0])
        rows.append(row)
    return sheet(rows, zoom=1)


def read(name: str) -> tuple[Record, Sample]:
    """A picture of the crowded nuclei."""
    dataset = crowded()
    record = next(record for record in dataset.records if record.id == name)
    return record, dataset.read(record)


def colored(picture: NDArray[np.uint8], objects: NDArray[Any], opacity: float = 0.5) -> NDArray[np.uint8]:
    """Every object in a colour of its own over a picture (H, W, 3)."""
    return labels_over(picture, np.where(objects > 0, objects % 254 + 1, 0), PALETTE, opacity)


def sheet(rows: Sequence[Mapping[str, NDArray[np.uint8]]], zoom: int) -> NDArray[np.uint8]:
    """Pictures (H, W, 3) in rows, enlarged, each under its title."""
    lines = [np.hstack([titled(picture, title, zoom) for title, picture in row.items()]) for row in rows]
    return np.vstack(lines).astype(np.uint8)


def titled(picture: NDArray[np.uint8], title: str, zoom: int) -> NDArray[np.uint8]:
    """A picture enlarged, with a white margin that holds its title."""
    height, width = (zoom * side for side in picture.shape[:2])
    large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
    framed = cv2.copyMakeBorder(large, 22, GAP, GAP // 2, GAP // 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(framed, title, (GAP, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return framed.astype(np.uint8)
