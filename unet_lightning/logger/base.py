"""What a run tells its loggers beside the numbers of Lightning's own `log_metrics`."""

# ruff: noqa: B027  # what a logger has no place for, it leaves out

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.metric.precision_recall import PrecisionRecall
from unet_lightning.runtime.files import write_json

KEPT = "logger.json"  # in a run's folder: under which name each service knows the run
Values = Mapping[str, bool | int | float | str]


class Recorder(ABC):
    """Takes what a run shows; what it has no place for it leaves out. Called in the first process alone."""

    def begin(self) -> None:
        """Open the run's record, before the first step; InputError where that can't be done."""

    @abstractmethod
    def hyperparameters(self, values: Values, scores: Mapping[str, float], typed: Collection[str]) -> None:
        """The values of a config and the final scores they led to; typed: the names of those that were typed."""

    def picture(self, tag: str, picture: NDArray[Any], step: int) -> None:
        """picture: (H, W, 3) uint8."""

    def precision_recall(self, tag: str, curve: PrecisionRecall, step: int) -> None:
        """The curve of one class."""

    def table(self, tag: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of text under a header."""

    def text(self, tag: str, markdown: str) -> None:
        """A page of text."""

    def flush(self) -> None:
        """Write what is held back to the files of the run's folder."""

    def end(self) -> None:
        """Close the run's record, after its last value or where it breaks off."""


def recorders(trainer: L.Trainer) -> list[Recorder]:
    """A trainer's loggers that take more than numbers."""
    return [logger for logger in trainer.loggers if isinstance(logger, Recorder)]


@contextmanager
def recording(trainer: L.Trainer) -> Iterator[None]:
    """Open the records of a run, and close them however it ends."""
    found = recorders(trainer) if trainer.is_global_zero else []
    try:
        for recorder in found:
            recorder.begin()
        yield
    finally:
        for recorder in found:
            recorder.end()


def kept_name(folder: Path, service: str) -> str | None:
    """Under which name a service knows the run of this folder; None before it began there."""
    return _kept(folder).get(service)


def keep_name(folder: Path, service: str, name: str) -> None:
    """Remember it, for when the run goes on."""
    write_json(folder / KEPT, _kept(folder) | {service: name})


def new_name() -> str:
    """Eight letters and digits that no other run has."""
    return secrets.token_hex(4)


def run_name(folder: Path) -> str:
    """How a run is shown: by the last two parts of its folder, DATE/TIME or outputs/NAME.

    >>> run_name(Path("outputs/2026-01-02/03-04-05")), run_name(Path("outputs/first"))
    ('2026-01-02/03-04-05', 'first')
    """
    return "/".join(folder.parts[-2:]).removeprefix("outputs/")


def _kept(folder: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        return dict(found)
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise InputError(f"{folder / KEPT}: not what a run writes; put it back, or delete it") from None
