"""Which outputs are to be written for which input."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.prediction.collector import Collector
from unet_lightning.prediction.names import OutputNameError, named_by_content, targets
from unet_lightning.prediction.plane import Source
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.source import open_source
from unet_lightning.reading.axes import check_axes
from unet_lightning.reading.pixel_size import stated_size


@dataclass(frozen=True)
class Job:
    """An input, and what is to be written for it: files by kind, and what collectors make of its objects.

    place: where its class ids lie, written now or before. name: of the input, relative to what was typed.
    """

    source: Source
    paths: dict[str, Path]
    place: Path = Path()
    name: Path = Path()
    collectors: tuple[Collector, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether a collector needs the picture and the probabilities of its objects."""
        return any(collector.measures for collector in self.collectors)

    @property
    def pixels(self) -> int:
        """Of one page."""
        return self.source.shape[1] * self.source.shape[2]

    def bytes_per_pixel(self, classes: int) -> int:
        """Of what is written, not compressed."""
        sizes = {"classes": 1, "probabilities": 4 * classes, "instances": 4, "overlay": 3}
        taken = 8 if self.measured else 4 if self.collectors else 0  # objects and probability, which collectors take
        return sum(sizes[kind] for kind in self.paths) + taken


@dataclass(frozen=True)
class Wanted:
    """The wanted outputs: their kinds, their folder, whether they replace files that exist, and what takes objects."""

    folder: Path
    kinds: Sequence[str]
    overwrite: bool
    collectors: Sequence[Collector] = ()


def plan(
    files: dict[Path, Path], wanted: Wanted, predictor: Predictor, broken: dict[Path, str]
) -> tuple[list[Job], int]:
    """The jobs, and the number of inputs that are done already; inputs that can't be opened are added to `broken`."""
    jobs: list[Job] = []
    owners: dict[Path, Path] = {}
    kept = 0
    inputs = {path.resolve() for path in files}
    data = predictor.config["data"]
    axes = check_axes(data["axes"]) if data.get("axes") else None
    for path, name in files.items():
        try:
            paths = targets(wanted.folder, named_by_content(path, name), wanted.kinds)
        except OutputNameError as error:
            broken[path] = f"{path}: {error}"
            continue
        for target in paths.values():
            if owners.setdefault(target, path) != path:
                raise InputError(f"{path} and {owners[target]} would both be written to {target}; predict one of them")
            if target.resolve() in inputs:
                raise InputError(f"{target} is an input; give another --output")
        missing = {kind: target for kind, target in paths.items() if wanted.overwrite or not target.exists()}
        collectors = tuple(one for one in wanted.collectors if not one.has(name))
        kept += not missing and not collectors
        if missing or collectors:
            try:
                source = open_source(path, predictor.channels, data.get("channels"), axes)
                if refused := next(filter(None, (one.refuses(source) for one in collectors)), ""):
                    raise InputError(f"{path}: {refused}")
                if size := stated_size(data):
                    tags = {key: value for key, value in (source.tags or {}).items() if "resolution" not in key}
                    source = replace(source, pixel_size=size, tags=tags)
                jobs.append(Job(source, missing, paths["classes"], name, collectors))
            except Exception as error:
                broken[path] = reason(error)
    return jobs, kept


def reason(error: Exception) -> str:
    """Why an input is broken: our own words, or the kind of a library's error and its words."""
    if isinstance(error, MemoryError):
        return "it doesn't fit into memory; store it as Zarr, which is read in parts"
    return str(error) if isinstance(error, InputError) else repr(error)
