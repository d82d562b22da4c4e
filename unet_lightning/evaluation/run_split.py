"""The split of a run is the one in its folder: a run that went on with changed data kept every image on its side."""

import logging
from collections.abc import Mapping

from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.known_data import read_known
from unet_lightning.prediction.checkpoint import TrainedModel
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.record import DataSet, split_hash
from unet_lightning.runtime.files import CONFIG

log = logging.getLogger(__name__)


def split_of_run(model: TrainedModel) -> Mapping[str, str] | None:
    """The split of each id that the run of a checkpoint knows, from split.csv; None for a checkpoint without a run."""
    folder = model.path.parent.parent
    known = read_known(folder) if (folder / CONFIG).is_file() else None
    return known.splits if known else None


def find_as_divided(predictor: Predictor) -> DataSet:
    """The data set of a predictor's config, divided as its run divided it, unless data or seed are others than there.

    Where no run says how, a warning says if the division isn't that of training.
    """
    config, identity = predictor.config, predictor.models[0].identity
    same = all(config[key] == identity["config"][key] for key in ("data", "seed"))
    before = split_of_run(predictor.models[0]) if same else None
    dataset = find_dataset(config, before, needed=(config["split"],), resample=False)
    if before is None and not dataset.findings and split_hash(dataset.records) != identity["split_hash"]:
        log.warning("the split is not the one of training: make sure that none of these images was trained on")
    return dataset
