"""Numbers as lines of one CSV file in the run's folder."""

import csv
from collections.abc import Collection, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from unet_lightning.logger.base import Recorder, Values

FILE = "metrics.csv"


class Csv(Logger, Recorder):
    """A line `step,name,value` for each number, in the order in which they came; pictures and curves are left out.

    Lines are only ever added, so that a run which goes on can cut the file back to its checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / FILE
        self.file: TextIOWrapper | None = None

    @property
    def name(self) -> str:
        """Of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one for each run."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The run's config/config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a line for each."""
        if self.file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("a", encoding="utf-8", newline="")
            if not self.path.stat().st_size:
                csv.writer(self.file).writerow(("step", "name", "value"))
        csv.writer(self.file).writerows(("" if step is None else step, name, value) for name, value in metrics.items())

    def hyperparameters(self, values: Values, scores: Mapping[str, float], typed: Collection[str]) -> None:
        """The final scores, without a step."""
        self.log_metrics(scores)
        self.flush()

    def flush(self) -> None:
        """Write what is held back to the file."""
        if self.file is not None:
            self.file.flush()

    def finalize(self, status: str) -> None:
        """Close the file; it is opened again where more comes."""
        if self.file is not None:
            self.file.close()
            self.file = None
