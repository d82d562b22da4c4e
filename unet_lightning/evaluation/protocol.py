"""The protocol, which must be equal for two evaluations to be compared, and the provenance of the scores."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unet_lightning.error import InputError
from unet_lightning.metric.semantic import RULE
from unet_lightning.prediction.ensemble import checksum
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.record import DataSet, Record, split_hash
from unet_lightning.runtime.files import BEST
from unet_lightning.runtime.machine import machine, versions

ABSENT = (
    "a class neither labelled nor predicted in an image has no score there and is left out of means; precision is also "
    "left out where nothing is predicted, recall where nothing is labelled; where only one side has a border the "
    "Hausdorff distance is the image's diagonal"
)


def checkpoint_hashes(predictor: Predictor) -> dict[str, str]:
    """The path of each checkpoint and a hash of its content."""
    return {str(m.path.resolve()): hashlib.sha256(m.path.read_bytes()).hexdigest()[:12] for m in predictor.models}


def stored_hashes(stored: Mapping[str, Any], key: str) -> list[str]:
    """The hashes under a key of a stored provenance, sorted, wherever the files were then; empty where none are."""
    found = stored.get(key)
    return sorted(map(str, found.values())) if isinstance(found, Mapping) else []


def ensemble_hash(predictor: Predictor) -> dict[str, str]:
    """The path of the ensemble.json that names the checkpoints and a hash of its content; empty where none does."""
    ensemble = predictor.ensemble
    return {str(ensemble.path.resolve()): ensemble.sha256[:12]} if ensemble else {}


def protocol(predictor: Predictor, dataset: DataSet, records: Sequence[Record]) -> dict[str, Any]:
    """Everything that must be equal for two evaluations to be compared."""
    config = predictor.config
    ids = "\n".join(record.id for record in records)
    return {
        "split": config["split"],
        "models": len(predictor.models),
        "average": config["average"] if len(predictor.models) > 1 else None,
        "split_hash": split_hash(dataset.records),
        "images": f"{len(records)}, {hashlib.sha256(ids.encode()).hexdigest()[:12]}",
        "classes": list(dataset.classes),
        "background": dataset.background,
        "averaging": RULE,
        "absent_classes": ABSENT,
        "tolerance": config["tolerance"],
        "precision": predictor.precision,
        "tiling": config["tiling"],
        "tta": config["tta"],
        "postprocess": config["postprocess"],
        "temperature": config["temperature"],
        "version": versions()["unet-lightning"],
    }


def provenance(predictor: Predictor, command: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Where the numbers come from: command, checkpoints, configs, machine and versions."""
    return {
        "command": command,
        "overrides": list(overrides),
        "checkpoints": checkpoint_hashes(predictor),
        "ensemble": ensemble_hash(predictor),
        "config_hashes": [model.identity["config_hash"] for model in predictor.models],
        "overrides_of_data": {k: v for k, v in predictor.config["data"].items() if not isinstance(v, Mapping)},
        "tile": predictor.tile,
        "device": str(predictor.device),
        "machine": machine(),
        "versions": versions(),
    }


def read_evaluation(path: Path) -> dict[str, Any]:
    """The evaluation.json of a folder, of the test split of a run or an ensemble.json, or a file; or InputError."""
    for file in (path, path / "evaluation.json", path / "evaluation" / "test" / "evaluation.json"):
        if file.is_file():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                found = None
            if isinstance(found, dict) and "members" in found:
                return _read_beside(file)
            if not _is_evaluation(found):
                raise InputError(f"{file}: not what `unet-lightning evaluate` writes; evaluate again")
            for key, before in (("tiling", "overlap"), ("temperature", 1.0)):  # the only ones before the keys
                found["protocol"].setdefault(key, before)
            return dict(found)
    raise InputError(f"{path}: not evaluated; run: unet-lightning evaluate {path / BEST}")


def _read_beside(ensemble: Path) -> dict[str, Any]:
    """The evaluation of an ensemble.json, as it is now, on its test split."""
    folder = ensemble.parent / "evaluation" / "test"
    if (folder / "evaluation.json").is_file():
        found = read_evaluation(folder)
        if checksum(ensemble)[:12] in stored_hashes(found["provenance"], "ensemble"):
            return found
    raise InputError(f"{ensemble}: not evaluated; run: unet-lightning evaluate {ensemble}")


def _is_evaluation(found: Any) -> bool:
    """Whether everything that is read from evaluation.json has its type."""
    if not isinstance(found, dict) or not all(isinstance(found.get(key), dict) for key in ("protocol", "provenance")):
        return False
    images = found.get("per_image")
    return isinstance(images, list) and len(images) > 0 and all(isinstance(image, dict) for image in images)
