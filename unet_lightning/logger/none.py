"""No logger."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger


class Nothing(Logger):
    """Takes numbers and forgets them; Lightning's callbacks that want a logger have one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()

    @property
    def name(self) -> str:
        """Of the logger."""
        return "none"

    @property
    def version(self) -> str:
        """There is one for each run."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Forget them."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Forget them."""
