"""An ensemble as a file: which checkpoints predict together, how they are averaged, and the post-processing.

The file names its members by paths, relative to itself where they lie below it, and by checksums: a member that has
changed since the ensemble was scored is refused.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import StringConstraints

from unet_lightning.error import InputError, shown
from unet_lightning.prediction.identity import Name, Plain, Schema, check_schema
from unet_lightning.reading.guard import check_file

FORMAT = 1
SUFFIX = ".json"
Checksum = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Member(Schema):
    """A checkpoint, the SHA-256 of its file, and the configuration that it is a fold of."""

    path: Annotated[str, Len(1, 4096)]
    sha256: Checksum
    configuration: Annotated[str, Len(0, 4096)] = ""


class Content(Schema):
    """What prediction reads of the file; scores and candidates, for people, are kept as they are."""

    format: int
    members: Annotated[list[Member], Len(1, 1000)]
    average: Literal["probabilities", "logits"]
    tta: Plain
    postprocess: Plain
    classes: Annotated[list[Name], Len(2, 256)]


@dataclass(frozen=True)
class Ensemble:
    """Checkpoints that predict together, configuration by configuration.

    folds: how many members each configuration has. tta, postprocess: config nodes. sha256: of the file itself.
    """

    path: Path
    members: tuple[Path, ...]
    folds: tuple[int, ...]
    average: str
    tta: dict[str, Any]
    postprocess: dict[str, Any]
    classes: tuple[str, ...]
    sha256: str


def is_ensemble(path: str | Path) -> bool:
    """Whether a path names an ensemble and no checkpoint, by its ending."""
    return Path(path).suffix == SUFFIX


def ensemble_of(given: Sequence[str | Path]) -> Ensemble | None:
    """The ensemble among what a verb was given, or None where all are checkpoints; InputError for both at once."""
    files = [path for path in given if is_ensemble(path)]
    if not files:
        return None
    if len(given) > 1:
        raise InputError(f"{files[0]} is an ensemble, which stands alone; name one, or checkpoints only")
    return read_ensemble(Path(files[0]))


def read_ensemble(path: Path) -> Ensemble:
    """InputError where a file isn't what `unet-lightning ensemble` writes, or a member is gone or has changed."""
    if not os.path.exists(path):  # false, too, for a name that no file can have
        raise InputError(f"{path}: no such file; give a checkpoint, or the ensemble.json of a sweep's folder")
    check_file(path)
    text = path.read_bytes()
    try:
        found = json.loads(text.decode())
        if not isinstance(found, dict):
            raise InputError(f"it holds a {type(found).__name__}, expected an object")
        found = {name: found[name] for name in Content.model_fields if name in found}
        check_schema(Content, found, "ensemble")
        if found["format"] != FORMAT:
            raise InputError(f"its format is {shown(found['format'])}, expected {FORMAT}")
    except RecursionError:
        raise _no_ensemble(path, "it is too deep") from None
    except ValueError as error:  # no UTF-8, no JSON, or not by the schema
        raise _no_ensemble(path, error) from None
    of = Counter(member.get("configuration", "") for member in found["members"])
    listed = sorted(found["members"], key=lambda member: list(of).index(member.get("configuration", "")))
    members = tuple(path.parent / member["path"] for member in listed)
    for member, sha256 in zip(members, (member["sha256"] for member in listed), strict=True):
        _check_member(path, member, sha256)
    nodes = {name: found[name] for name in ("average", "tta", "postprocess")}
    sha256 = hashlib.sha256(text).hexdigest()
    return Ensemble(path, members, tuple(of.values()), **nodes, classes=tuple(found["classes"]), sha256=sha256)


def checksum(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relative_to(member: Path, folder: Path) -> str:
    """The path of a member as an ensemble's file in `folder` names it."""
    member, folder = member.resolve(), folder.resolve()
    return str(member.relative_to(folder) if member.is_relative_to(folder) else member)


def _check_member(path: Path, member: Path, sha256: str) -> None:
    try:
        there = member.is_file()
        same = there and checksum(member) == sha256
    except (OSError, ValueError):  # no permission, a name that no file can have
        there = same = False
    if not there:
        raise InputError(
            f"{path}: its member {shown(member, 200)} isn't there; put it back, or make the ensemble again"
        )
    if not same:
        raise InputError(f"{path}: its member {member} has changed since it was scored; make the ensemble again")


def _no_ensemble(path: Path, reason: object) -> InputError:
    return InputError(f"{path}: not what `unet-lightning ensemble` writes ({shown(reason, 200)}); make it again")
