"""Write any data set in the simple layout that `data=folder` reads."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.pipeline.findings import grouped
from unet_lightning.pipeline.layout import file_names, readme, write_array, write_image, write_manifest
from unet_lightning.pipeline.parallel import map_records
from unet_lightning.pipeline.resize import resized
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample


@dataclass(frozen=True)
class Written:
    """The files of one record (image, mask, instances) relative to the folder, whether any of its pixels are ignored,
    and what is wrong with it, or "".
    """

    files: tuple[str, str, str] = ("", "", "")
    ignores: bool = False
    finding: str = ""


def convert(dataset: DataSet, folder: Path, workers: int, scale: float = 1) -> list[str]:
    """Write a data set, resized by `scale`, into a new folder; returns the errors of its records.

    With any error nothing is written. InputError where the folder exists.
    """
    if scale != 1:
        dataset = replace(dataset, read=partial(read_resized, read=dataset.read, scale=scale))
    if folder.exists():
        raise InputError(f"--output {folder} exists; name a folder that doesn't, nothing is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name in ("images", "masks", "instances"):
            (unfinished / name).mkdir()
        names = file_names([record.id for record in dataset.records])
        work = partial(write, dataset=dataset, names=names, folder=unfinished)
        written = list(map_records(work, dataset.records, workers, "writing"))
        pairs = zip(written, dataset.records, strict=True)
        findings = grouped((one.finding, record.files) for one, record in pairs if one.finding)
        if not findings:
            write_manifest(unfinished, dataset, [one.files for one in written])
            ignore = stored_ignore(dataset) if any(one.ignores for one in written) else None
            (unfinished / "README.md").write_text(readme(dataset, folder.resolve(), ignore, scale), encoding="utf-8")
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        return findings
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write(record: Record, dataset: DataSet, names: Mapping[str, str], folder: Path) -> Written:
    """Write the files of one record."""
    try:
        sample = dataset.read(record)
    except InputError as error:
        return Written(finding=str(error))
    name = names[record.id]
    image = write_image(folder / "images" / name, sample)
    mask = write_array(folder / "masks" / name, stored_mask(sample, stored_ignore(dataset)))
    instances = ""
    if sample.instances is not None:
        kind = np.uint16 if sample.instances.max() < 2**16 else np.uint32
        instances = f"instances/{write_array(folder / 'instances' / name, sample.instances.astype(kind))}"
    return Written((f"images/{image}", f"masks/{mask}", instances), not sample.valid.all())


def read_resized(record: Record, read: Callable[[Record], Sample], scale: float) -> Sample:
    """The sample that `read` returns, resized."""
    return resized(read(record), scale)


def stored_ignore(dataset: DataSet) -> int:
    """The number that stands for ignored pixels in the masks."""
    return 255 if len(dataset.classes) < 256 else 65535


def stored_mask(sample: Sample, ignore: int) -> NDArray[Any]:
    """(H, W) class ids, and `ignore` where pixels are ignored, uint8 if `ignore` is 255, else uint16."""
    kind = np.uint8 if ignore == 255 else np.uint16
    return np.where(sample.valid, sample.mask, kind(ignore)).astype(kind)
