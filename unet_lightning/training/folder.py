"""Decide by a run's folder how the run starts: new, resumed, extended, already finished, or refused."""

import logging
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unet_lightning.callback.resume import POINTS
from unet_lightning.config.plain import config_hash, differences, read_config, write_config
from unet_lightning.error import InputError
from unet_lightning.runtime.files import BEST, CONFIG, PLAN, PLAN_PAGE, read_results
from unet_lightning.runtime.launch import rank
from unet_lightning.runtime.seal import check_whole, is_whole
from unet_lightning.training.checkpoint_io import Point
from unet_lightning.training.events import truncate_events

log = logging.getLogger(__name__)
DEADLINE = "trainer.callbacks.deadline."
LENGTHS = ("trainer.max_epochs", "trainer.max_steps", DEADLINE + "minutes", DEADLINE + "patience")
DATED = r"\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d"
UNREADABLE = (
    RuntimeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


@dataclass(frozen=True)
class RunStart:
    """How a run starts: the point to go on from, or the results of one that is finished already."""

    point: Point | None = None
    results: dict[str, Any] | None = None


def prepare_folder(folder: Path, plain: Mapping[str, Any]) -> RunStart:
    """Look at the folder and, in the first process, make it ready: the config is written, TensorBoard's events after
    the checkpoint are cut off. InputError where a run of another config is there, or any while `resume=never`.
    """
    before = read_config(folder / CONFIG) if (folder / CONFIG).is_file() else None
    found = RunStart() if before is None else _go_on(folder, before, plain)
    if found.results is None and rank() == 0:
        write_config(plain, folder / CONFIG)
        truncate_events(folder, found.point.content if found.point else None)
    return found


def remove_unbegun(folder: Path) -> None:
    """A run that was refused before it began leaves no folder; whatever holds anything else stays."""
    written = [folder / "train.log", folder / CONFIG, folder / PLAN, folder / PLAN_PAGE]
    if set(folder.rglob("*")) - {*written, folder / CONFIG.parent}:
        return
    for path in written:
        path.unlink(missing_ok=True)
    for place in (folder / CONFIG.parent, folder, *folder.parents):  # up to where the command was started
        if Path.cwd() not in place.parents:
            return
        try:
            place.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # other runs are in it
            return


def _go_on(folder: Path, before: dict[str, Any], plain: Mapping[str, Any]) -> RunStart:
    if plain["resume"] == "never" and rank() == 0:
        raise InputError(f"{folder} holds a run already; go on with it by resume=auto, or choose another name: run=…")
    results = read_results(folder)
    finished = results.get("status") == "finished"
    changed = differences(before, plain)
    trained = results.get("config_hash", None if changed else config_hash(plain))  # `before` may be of a refused start
    if finished and trained == config_hash(plain):
        log.info(f"{folder} is finished: nothing to do (a larger trainer.max_epochs extends it)")
        return RunStart(results=results)
    longer = finished and all(key in LENGTHS and _raised(*values) for key, values in changed.items())
    if changed and not longer:
        lines = [f"  {key}: {old} there, {new} now" for key, (old, new) in changed.items()]
        raise InputError(
            f"{folder} holds a run with another config:\n"
            + "\n".join(lines)
            + "\nchoose another name: run=…"
            + ("" if finished else "; trainer.max_epochs can be raised once the run is finished")
        )
    point = newest_point(folder)
    if point and (folder / BEST).is_file():
        check_whole(folder / BEST)
    if point is None and finished:
        raise InputError(f"{folder} can't be extended: its checkpoints are gone; choose another name: run=…")
    if point and changed:
        lengths = ", ".join(f"{key} from {old} to {new}" for key, (old, new) in changed.items())
        log.info(
            f"extends the finished run: {lengths}; the schedule is that of the new length from {point.path.stem} on"
        )
    elif point:
        log.info(f"resumes from {point.path}")
    return RunStart(point)


def resume_hint(folder: Path) -> str:
    """What to type to go on with the run of this folder."""
    name = "/".join(folder.parts[-2:])  # the date and time of a run that was given no other
    return f"start the same command with run={name}" if re.fullmatch(DATED, name) else "start the same command again"


def _raised(old: Any, new: Any) -> bool:
    """Whether a run becomes longer; -1 and None are no limit."""
    if new is None:
        return old is not None
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers and (new > old >= 0 or new == -1)


def last_point(folder: Path) -> Path | None:
    """The last checkpoint that a run wrote to go on from, read or not."""
    return max(folder.glob(POINTS), default=None)


def newest_point(folder: Path) -> Point | None:
    """The last checkpoint that can be read, loaded; broken ones are reported and renamed to .broken."""
    for path in sorted(folder.glob(POINTS), reverse=True):
        try:
            if not is_whole(path):
                raise OSError("it isn't what was written: cut off, or a byte of it has changed")
            return Point(path, torch.load(path, map_location="cpu", weights_only=True))
        except UNREADABLE as error:
            reason = (str(error) or "it is empty").splitlines()[0]
            others = any(other < path for other in folder.glob(POINTS))
            then = "going on from the one before" if others else "no other is left: beginning anew"
            log.warning(f"{path} can't be read ({reason}); {then}")
            if rank() == 0:
                path.replace(path.with_suffix(".broken"))
    return None
