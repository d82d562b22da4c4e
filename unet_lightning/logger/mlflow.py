"""A run of MLflow, on a server or in a store on this machine."""

import logging
import re
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unet_lightning.error import InputError, shown
from unet_lightning.logger.base import Recorder, Values, keep_name, kept_name, run_name
from unet_lightning.metric.precision_recall import PrecisionRecall
from unet_lightning.page.line_chart import line_chart

PATIENCE = 5  # seconds for a server to answer
PORTS = {"http": 80, "https": 443}


class MLflow(MLFlowLogger, Recorder):
    """Curves, pictures, precision-recall curves as SVG, the final table, and the config's values as parameters.

    experiment: MLflow's name for a group of runs. tracking_uri: of a server or a store; None is what MLflow itself uses
    (MLFLOW_TRACKING_URI, or mlflow.db in the working folder). checkpoint: whether the best checkpoint is stored too.
    The run of a folder that goes on stays the same; steps after its last checkpoint are there twice, with equal values.
    """

    def __init__(self, folder: Path, experiment: str, tracking_uri: str | None, checkpoint: bool) -> None:
        try:
            import mlflow
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            reason = f"logger=mlflow needs MLflow ({error})"
            raise InputError(f"{reason}; pip install 'unet-lightning[mlflow]', or choose another logger") from None
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        uri = tracking_uri or mlflow.get_tracking_uri()
        if getattr(rank_zero_only, "rank", 0) == 0:
            check_reachable(uri)
        self.folder, self.kept = folder, kept_name(folder, "mlflow")
        try:
            super().__init__(
                experiment, run_name(folder), uri, log_model=checkpoint, run_id=self.kept, synchronous=True
            )
        except MlflowException as error:
            raise _refused(uri, error) from None

    def begin(self) -> None:
        """Create the run, or open the one of this folder; InputError where the server or store doesn't let us."""
        from mlflow.exceptions import MlflowException

        try:
            self.experiment.update_run(self.run_id, status="RUNNING")
        except MlflowException as error:
            raise _refused(self._tracking_uri, error) from None
        if self.kept is None:
            keep_name(self.folder, "mlflow", str(self.run_id))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """As Lightning's, but letters of all scripts are kept in names."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = [Metric(clean(name), float(value), now, step or 0) for name, value in metrics.items()]
        self.experiment.log_batch(self.run_id, metrics=values, synchronous=True)

    def hyperparameters(self, values: Values, scores: Mapping[str, float], typed: Collection[str]) -> None:
        """Parameters, and the scores as metrics. MLflow lets no parameter change: a value that a run which goes on was
        given anew becomes a tag.
        """
        known = self.experiment.get_run(self.run_id).data.params
        changed = {name: value for name, value in values.items() if known.get(name, str(value)) != str(value)}
        self.log_hyperparams({name: value for name, value in values.items() if name not in changed})
        for name, value in changed.items():
            self.experiment.set_tag(self.run_id, name, str(value))
        self.log_metrics(scores)

    def picture(self, tag: str, picture: NDArray[Any], step: int) -> None:
        """picture: (H, W, 3) uint8."""
        self.experiment.log_image(self.run_id, picture, key=clean(tag), step=step, synchronous=True)

    def precision_recall(self, tag: str, curve: PrecisionRecall, step: int) -> None:
        """An SVG picture among the artifacts."""
        points = list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
        chart = line_chart({"": points}, "recall", "precision")
        self.experiment.log_text(self.run_id, chart, f"curves/{clean(tag)}/{step:08d}.svg")

    def table(self, tag: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table among the artifacts."""
        columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
        self.experiment.log_table(self.run_id, columns, f"{clean(tag)}.json")

    def text(self, tag: str, markdown: str) -> None:
        """A page among the artifacts."""
        self.experiment.log_text(self.run_id, markdown, f"{clean(tag)}.md")


def clean(name: str) -> str:
    """A name of letters, digits and _-. /, which MLflow takes.

    >>> clean("validation/0 a.png: input, label")
    'validation/0 a.png_ input_ label'
    """
    return re.sub(r"[^\w\-. /]", "_", name)


def check_reachable(uri: str) -> None:
    """InputError where no server answers at once: MLflow itself would try again for minutes."""
    found = urlsplit(uri)
    if found.scheme not in PORTS:
        return
    try:
        socket.create_connection((found.hostname or "", found.port or PORTS[found.scheme]), PATIENCE).close()
    except OSError as error:
        raise _refused(uri, error) from None


def _refused(uri: str, error: Exception) -> InputError:
    place = re.sub(r"//[^/@]*@", "//", uri)  # without a password
    return InputError(
        f"logger.mlflow.tracking_uri={shown(place)}: {shown(' '.join(str(error).split()), 200)}; start a server there "
        "(mlflow server), give another address, or null for what MLflow itself uses"
    )
