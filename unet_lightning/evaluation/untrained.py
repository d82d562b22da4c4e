"""No image is scored that one of several checkpoints was trained or chosen on."""

from collections.abc import Mapping, Sequence
from typing import Any

from unet_lightning.config.check import SPLITTING, data_findings
from unet_lightning.error import InputError, some
from unet_lightning.evaluation.run_split import split_of_run
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.prediction.checkpoint import TrainedModel
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.record import DataSet, Record, assign_splits, split_hash


def check_untrained(records: Sequence[Record], dataset: DataSet, predictor: Predictor) -> None:
    """InputError where a checkpoint beside the first knows a record to score from another split of the same data.

    Of a cross-validation each checkpoint has trained on what the others hold out. Data that isn't divided as a
    checkpoint or its run says is data that it never saw.
    """
    split = predictor.config["split"]
    allowed = {split, "test"}
    known = {split_hash(dataset.records)}  # divisions in which these records are where they are scored
    for model in predictor.models[1:]:
        if model.identity["split_hash"] in known:
            continue
        divided = divided_as(predictor.config, model.identity["config"])
        if wrong := data_findings(divided, [assign_splits]):
            raise InputError(f"{model.path}: {wrong[0]}; train it again")
        sides = sides_of(model, divided)
        if seen := [record.id for record in records if sides.get(record.id, "test") not in allowed]:
            raise InputError(
                f"split={split}: {model.path} was trained or chosen on {some(seen)}; score images that no checkpoint "
                "saw: a published test split, or other data (data.root=…)"
            )
        known.add(model.identity["split_hash"])


def sides_of(model: TrainedModel, divided: Mapping[str, Any]) -> Mapping[str, str]:
    """The split of each id that a checkpoint knows: as its run's folder says, or as its config divides the same data;
    none of data that it never saw.

    divided: a config whose data is divided as the checkpoint's says.
    """
    kept = split_of_run(model) if divided["data"] == model.identity["config"]["data"] else None
    if kept is not None:
        return kept
    found = find_dataset(divided).records
    same = split_hash(found) == model.identity["split_hash"]
    return {record.id: record.split for record in found} if same else {}


def divided_as(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose data is divided as another config says."""
    splitting = {name: other["data"][name] for name in SPLITTING if name in other["data"]}
    return {**config, "seed": other["seed"], "data": {**config["data"], **splitting}}
