"""TensorBoard's event files in the run's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from unet_lightning.logger.base import Recorder, Values
from unet_lightning.metric.precision_recall import PrecisionRecall
from unet_lightning.page.table import markdown_rows


class TensorBoard(TensorBoardLogger, Recorder):
    """Everything, in files beside the run's checkpoints: `tensorboard --logdir outputs`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), name="", version="", default_hp_metric=False)

    def hyperparameters(self, values: Values, scores: Mapping[str, float]) -> None:
        """For the HParams tab."""
        self.log_hyperparams(dict(values), dict(scores))
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

    def flush(self) -> None:
        """Write what is held back to the event file."""
        self.experiment.flush()
