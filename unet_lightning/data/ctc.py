"""Cell Tracking Challenge: 01/t000.tif, 01_GT/SEG/man_seg000.tif (gold), 01_ST/SEG (silver), 01_GT/TRA (all cells)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from unet_lightning.data.layout import find_root, split_in_blocks
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.objects import IGNORED
from unet_lightning.reading.sample import labelled
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "download the training data of a 2D set from https://celltrackingchallenge.net/2d-datasets/ and unpack it"


def find(
    root: str | None,
    classes: Sequence[str],
    labels: Literal["gold", "silver", "both"],
    split: Literal["time", "sequence"] = "time",
    sequences: Sequence[str] | None = None,
) -> DataSet:
    """The annotated frames of some sequences, or of all, divided by time or by sequence. A gold frame comes with the
    markers of all its cells, or with its silver label, by which `read` knows whether cells were left out.
    """
    folder = find_root(root, "[0-9][0-9]", SOURCE)
    records: list[Record] = []
    findings: list[str] = []
    there = sorted(path.name for path in folder.glob("[0-9][0-9]") if path.is_dir())
    if missing := sorted(set(sequences or ()) - set(there)):
        raise InputError(f"data.sequences: {folder} has {', '.join(there)}, not {', '.join(missing)}")
    for sequence in sequences or there:
        frames = {path.stem.removeprefix("t"): path for path in (folder / sequence).glob("t*.tif")}
        gold, silver, markers = (
            {path.stem.removeprefix(start): path for path in folder.glob(f"{sequence}_{place}/{start}*.tif")}
            for place, start in (("GT/SEG", "man_seg"), ("ST/SEG", "man_seg"), ("GT/TRA", "man_track"))
        )
        chosen = {"gold": gold, "silver": silver, "both": silver | gold}[labels]
        findings += [f"{chosen[k]} has no frame t{k}.tif in {sequence}; add it" for k in sorted(chosen.keys() - frames)]
        for frame, block, side in split_in_blocks(sorted(chosen.keys() & frames.keys())):
            complete = markers.get(frame, silver.get(frame)) if frame in gold and labels != "silver" else None
            name, group = f"{sequence}/t{frame}", f"{sequence}/block{block}"
            files = (frames[frame], None, chosen[frame])
            parts = () if complete is None else (complete,)
            records.append(Record(name, *files, group=group, split=side, parts=parts))
    if not records and not findings:
        raise InputError(f"{folder} has no {labels} labels of its sequences; add them, or set data.labels")
    if split == "sequence":
        records = _by_sequence(records, f"{folder} has {labels} labels")
    return DataSet(tuple(records), tuple(classes), read, tuple(findings))


def _by_sequence(records: Sequence[Record], found: str) -> list[Record]:
    """The last sequence is test. Of those before it the last fifth is val, which in time was test, the rest train."""
    sequences = sorted({record.image.parent for record in records})
    if len(sequences) == 1:
        raise InputError(
            f"{found} of sequence {sequences[0].name} alone; expected two sequences or more for data.split=sequence; "
            "download the other one, which comes in the same archive, or set data.split=time"
        )
    side = {"train": "train", "val": "train", "test": "val"}
    return [replace(r, split="test" if r.image.parent == sequences[-1] else side[r.split]) for r in records]


def read(record: Record) -> Sample:
    """The sample of a frame. If a cell of `parts` has no pixel in the label, the frame is annotated only partly, and
    everything outside the annotated cells is ignored.
    """
    assert record.instances is not None
    image, cells = read_image(record.image), read_label(record.instances)
    mask = (cells > 0).astype(np.int32)
    for path in record.parts:
        everything = read_label(path)
        if everything.shape != cells.shape:
            raise InputError(f"{path} is of another size than {record.instances}; copy both again from their source")
        if np.setdiff1d(everything, np.append(0, everything[cells > 0])).size:
            mask[cells == 0] = IGNORED
    return labelled(record, image, LabelEncoding(2, ignore=IGNORED), mask, cells)
