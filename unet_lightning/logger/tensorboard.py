"""TensorBoard's event files in the run's folder."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from unet_lightning.logger.base import Recorder, Values
from unet_lightning.metric.precision_recall import PrecisionRecall
from unet_lightning.page.table import markdown_rows

FIRST = {  # what matters most, again under a name that TensorBoard shows first
    "train/loss": "at a glance/loss, training",
    "val/loss": "at a glance/loss, validation",
    "val/pooled/dice/foreground": "at a glance/foreground Dice, validation",
    "val/objects/pq": "at a glance/panoptic quality, validation",
}


class TensorBoard(TensorBoardLogger, Recorder):
    """Everything, in files beside the run's checkpoints: `tensorboard --logdir outputs`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), name="", version="", default_hp_metric=False)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """As Lightning's, and the first ones under a second name."""
        super().log_metrics(dict(metrics) | {FIRST[name]: metrics[name] for name in FIRST if name in metrics}, step)

    def hyperparameters(self, values: Values, scores: Mapping[str, float], typed: Collection[str]) -> None:
        """For the HParams tab, whose columns are what was typed for a run: that is what varies between runs."""
        self.log_hyperparams({name: value for name, value in values.items() if name in typed}, dict(scores))
        self.experiment.flush()  # before the run counts as finished

    def picture(self, tag: str, picture: NDArray[Any], step: int) -> None:
        """picture: (H, W, 3) uint8."""
        self.experiment.add_image(tag, picture, step, dataformats="HWC")

    def precision_recall(self, tag: str, curve: PrecisionRecall, step: int) -> None:
        """The curve of one class."""
        self.experiment.add_pr_curve_raw(
            tag,
            true_positive_counts=curve.true_positives,
            false_positive_counts=curve.false_positives,
            true_negative_counts=curve.true_negatives,
            false_negative_counts=curve.false_negatives,
            precision=curve.precision,
            recall=curve.recall,
            global_step=step,
            num_thresholds=len(curve.true_positives),
        )

    def table(self, tag: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of text under a header, for the Text tab."""
        self.experiment.add_text(tag, "\n".join(markdown_rows(list(header), [list(row) for row in rows])))
        self.experiment.flush()

    def text(self, tag: str, markdown: str) -> None:
        """For the Text tab."""
        self.experiment.add_text(tag, markdown)
        self.experiment.flush()

    def flush(self) -> None:
        """Write what is held back to the event file."""
        self.experiment.flush()
