"""Out of fold: every image is predicted by the checkpoints of the one fold that held it out for validation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from unet_lightning.error import InputError, some
from unet_lightning.evaluation.evaluate import records_to_score
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.prediction.load import load
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.record import DataSet, Record, split_hash
from unet_lightning.sample import Sample


@dataclass(frozen=True)
class Typed:
    """What was typed for all folds: overrides, and the packages whose classes may be built."""

    overrides: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fold:
    """The validation images of a fold, and the checkpoints, one a configuration, that weren't trained on them."""

    checkpoints: tuple[Path, ...]
    dataset: DataSet
    records: tuple[Record, ...]
    typed: Typed

    def predictor(self, chosen: Sequence[int]) -> Predictor:
        """The chosen configurations of this fold, by their numbers, averaged where there are several."""
        return load_fold([self.checkpoints[k] for k in chosen], self.typed)


@dataclass(frozen=True)
class Image:
    """An image, read, with the fold that held it out and what predicts it."""

    fold: int
    record: Record
    sample: Sample
    predictor: Predictor


def load_fold(checkpoints: Sequence[Path], typed: Typed) -> Predictor:
    """Checkpoints of one fold; their own post-processing, whatever was tuned beside them."""
    return load(*checkpoints, overrides=typed.overrides, trust=typed.trust, verb="ensemble", fixed=["split=val"])


def open_folds(configurations: Sequence[Sequence[Path]], typed: Typed) -> list[Fold]:
    """The folds of a cross-validation; InputError where the data isn't divided as it was in training.

    configurations: the checkpoint of each fold, for each configuration.
    """
    folds = []
    for checkpoints in zip(*configurations, strict=True):
        predictor = load_fold(checkpoints, typed)
        dataset = find_dataset(predictor.config, resample=False)
        if dataset.findings:
            raise InputError("\n".join(dataset.findings))
        for model in predictor.models:
            if model.identity["split_hash"] != split_hash(dataset.records):
                raise InputError(
                    f"{model.path} was trained on another division of the data, or on other data, than is there for "
                    f"{checkpoints[0]}; put the data back (data.root=…), or train all folds again with one seed"
                )
        folds.append(Fold(checkpoints, dataset, tuple(records_to_score(dataset, predictor)), typed))
    check_cover(folds)
    return folds


def check_cover(folds: Sequence[Fold]) -> None:
    """InputError unless every image is held out by exactly one fold, those that are a test image in all left out."""
    times = Counter(record.id for fold in folds for record in fold.records)
    tested = set.intersection(*({record.id for record in fold.dataset.split("test")} for fold in folds))
    known = {record.id for fold in folds for record in fold.dataset.records}
    wrong = sorted(name for name in known - tested if times[name] != 1)
    if wrong:
        raise InputError(
            f"{some(wrong)}: held out by {times[wrong[0]]} of {len(folds)} folds, expected 1: the folds don't divide "
            "one set; train all of them with one seed and the same data"
        )


def images(folds: Sequence[Fold], chosen: Sequence[int], title: str) -> Iterator[Image]:
    """Every image of all folds with its predictor of the chosen configurations; one is held in memory at a time."""

    def each() -> Iterator[Image]:
        for number, fold in enumerate(folds):
            predictor = fold.predictor(chosen)
            for record in fold.records:
                yield Image(number, record, fold.dataset.read(record), predictor)

    return iter(track(each(), title, total=sum(len(fold.records) for fold in folds), transient=True))
