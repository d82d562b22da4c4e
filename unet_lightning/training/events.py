"""The loggers' files of a run that goes on: cut back to its checkpoint, in order, and held to what was written."""

import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unet_lightning.callback.resume import EVENTS, GROWING, sum_of

log = logging.getLogger(__name__)
RENAMED = re.compile(r"^(events\.out\.tfevents\.)\d+(.*)\.was(\d+)$")
PATIENCE = 2  # seconds that are worth waiting


def truncate_events(folder: Path, checkpoint: Mapping[str, Any] | None) -> None:
    """Cut off what TensorBoard's files and metrics.csv got after a checkpoint, of which this is the content: it will
    be logged again. Warns of what else is lost.
    """
    step, events = _recorded(checkpoint) if checkpoint else (0, {})
    there = {_first_name(path.name): path for files in GROWING for path in sorted(folder.glob(files))}
    for name in there.keys() - events.keys():
        there.pop(name).unlink()
    for name, (size, sum_before) in events.items():
        path = there.get(name)
        fault = _fault(path, size, sum_before)
        if fault:
            log.warning(
                f"{path or folder / name} {fault}: the curves up to step {step} are lost, in part or as a whole"
            )
        if path and path.stat().st_size > size:
            os.truncate(path, size)
    _put_before_now([path for path in there.values() if path.match(EVENTS)])


def _recorded(content: Mapping[str, Any]) -> tuple[int, dict[str, tuple[int, int | None]]]:
    """The step of a checkpoint; of each file by its first name its bytes and their sum, which runs of before lack."""
    states = [state for name, state in content["callbacks"].items() if name.startswith("Resume")]
    events: dict[str, Any] = states[0]["events"] if states else {}
    found: dict[str, tuple[int, int | None]] = {}
    for name, recorded in events.items():
        size, sum_before = (recorded, None) if isinstance(recorded, int) else recorded
        found[_first_name(name)] = (size, sum_before)
    return int(content["global_step"]), found


def _fault(path: Path | None, size: int, sum_before: int | None) -> str:
    """What is wrong with the first `size` bytes of a file; empty where nothing is."""
    if path is None:
        return "is gone"
    if path.stat().st_size < size:
        return "was cut off"
    return "" if sum_before is None or sum_of(path, 0, size) == sum_before else "isn't what was written"


def _put_before_now(paths: list[Path]) -> None:
    """Files are read in the order of the seconds in their names: see that the next one comes last.

    Wait until it does; where the clock was put back, give these an earlier second, and keep the first one in the name.
    """
    now = time.time()
    late = [path for path in paths if _second(path) > now + PATIENCE]
    if late:
        log.warning(f"the clock is {_second(late[-1]) - now:.0f} s behind this run's curves, which are renamed for it")
    for number, path in enumerate(late):
        name = _first_name(path.name)
        head, second, rest = name[: len(EVENTS) - 1], name.split(".")[3], name.split(".", 4)[4]
        path.replace(path.with_name(f"{head}{int(now) - len(late) + number:010d}.{rest}.was{second}"))
    last = max((_second(path) for path in paths if path not in late), default=0)
    while int(time.time()) <= last <= now + PATIENCE:
        time.sleep(0.05)


def _second(path: Path) -> int:
    found = re.match(r"events\.out\.tfevents\.(\d+)", path.name)
    return int(found[1]) if found else 0


def _first_name(name: str) -> str:
    """The name that a file had before it was renamed."""
    return RENAMED.sub(r"\g<1>\g<3>\g<2>", name)
