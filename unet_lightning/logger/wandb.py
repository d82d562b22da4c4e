"""A run of Weights & Biases, on its server or in files to send later."""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from numpy.typing import NDArray

from unet_lightning.error import InputError, shown
from unet_lightning.logger.base import Recorder, Values, keep_name, kept_name, new_name, run_name
from unet_lightning.metric.precision_recall import PrecisionRecall


class Wandb(WandbLogger, Recorder):
    """Curves, pictures, precision-recall curves, the final table, and the config's values.

    project, entity: W&B's names for a group of runs and its owner; None is the account's own. offline: write files
    below the run's folder instead, which `wandb sync` sends. The run of a folder that goes on stays the same.
    """

    def __init__(self, folder: Path, project: str, entity: str | None, offline: bool) -> None:
        name = kept_name(folder, "wandb")
        self.folder, self.kept = folder, name
        try:
            super().__init__(run_name(folder), folder, name or new_name(), offline, project=project, entity=entity)
        except ModuleNotFoundError as error:
            reason = f"logger=wandb needs Weights & Biases ({error})"
            raise InputError(f"{reason}; pip install 'unet-lightning[wandb]', or choose another logger") from None

    def begin(self) -> None:
        """Open the run; InputError where the server doesn't let us."""
        import wandb

        try:
            _ = self.experiment
        except (wandb.errors.Error, OSError) as error:
            reason = shown(" ".join(str(error).split()), 200)
            raise InputError(f"logger=wandb: {reason}; wandb login, or set logger.wandb.offline=true") from None
        if self.kept is None:
            keep_name(self.folder, "wandb", str(self._id))

    def hyperparameters(self, values: Values, scores: Mapping[str, float], typed: Collection[str]) -> None:
        """The run's config, and the scores in its summary."""
        self.experiment.config.update(dict(values), allow_val_change=True)
        self.experiment.summary.update(dict(scores))

    def picture(self, tag: str, picture: NDArray[Any], step: int) -> None:
        """picture: (H, W, 3) uint8."""
        self.log_image(tag, [picture], step)

    def precision_recall(self, tag: str, curve: PrecisionRecall, step: int) -> None:
        """A line of W&B's own."""
        import wandb

        points = [list(point) for point in zip(curve.recall.tolist(), curve.precision.tolist(), strict=True)]
        line = wandb.plot.line(wandb.Table(["recall", "precision"], points), "recall", "precision", title=tag)
        self.experiment.log({tag: line, "trainer/global_step": step})

    def table(self, tag: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of W&B's own."""
        self.log_table(tag, list(header), [list(row) for row in rows])

    def text(self, tag: str, markdown: str) -> None:
        """A page of W&B's own, as it was written."""
        import wandb

        self.experiment.log({tag: wandb.Html(f"<pre>{escape(markdown)}</pre>", inject=False)})

    def end(self) -> None:
        """Close the run, so that the next one of this process is another."""
        if self._experiment is not None:
            self.experiment.finish()
            self._experiment = None
