"""`unet-lightning predict`: label files of any size with one checkpoint or an ensemble."""

import logging
import sys
from argparse import Namespace
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.prediction.batch import run
from unet_lightning.prediction.collector import Collector
from unet_lightning.prediction.ensemble import is_ensemble
from unet_lightning.prediction.inputs import find_inputs
from unet_lightning.prediction.job import Wanted, plan
from unet_lightning.prediction.load import load
from unet_lightning.prediction.measurements import Measurements
from unet_lightning.prediction.names import KINDS
from unet_lightning.prediction.outlines import Coco, GeoJson, Rois
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.requirements import requirements

log = logging.getLogger(__name__)
HELP = """Label images of any size.

  unet-lightning predict outputs/…/checkpoints/best.ckpt images/ --output labels
  unet-lightning predict fold0.ckpt fold1.ckpt 'scans/*.tif' --output labels tta=flips
  unet-lightning predict best.ckpt slide.zarr --output labels --instances postprocess=watershed
  unet-lightning predict outputs/cv/ensemble.json images/ --output labels
  unet-lightning predict best.ckpt images/ --output labels --table --outlines roi data.pixel_size=0.5

Several checkpoints are an ensemble, and so is what `unet-lightning ensemble` wrote. Inputs are files, folders,
patterns: pictures, TIFF stacks, NIfTI volumes, .npy, .mat, Zarr arrays. Outputs mirror their names: NAME.png (or .tif,
.zarr, …) holds class ids with the classes' colours, NAME.nii and NAME.npy class ids alone. Overrides are composed over
the checkpoint's config: tile=, tta=none|flips|rotations, postprocess=none|components|watershed|largest and its keys,
average=probabilities|logits of an ensemble, temperature= of probabilities, trainer.accelerator=, trainer.precision=;
data.channels=1|3 turns grey and colour into each other, data.axes=CYX names the axes of arrays and stacks that don't,
data.pixel_size=0.5 (with data.unit=um|mm) says how large a pixel is where files don't. Memory is that of a tile;
objects take some fifty bytes each beside it, a watershed that of the largest piece it may cut, and a volume that of its
voxels and labels. An output that exists is kept; what broke is listed at the end."""


def main(arguments: list[str]) -> int:
    """Predict; 1 when an input failed, else 0."""
    rules = checkpoint_parser("predict", HELP)
    rules.add_argument("files", nargs="+", metavar="CHECKPOINT… INPUT…")
    rules.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the outputs")
    rules.add_argument(
        "--probabilities", action="store_true", help="also write the probability of each class, (K, H, W)"
    )
    rules.add_argument("--instances", action="store_true", help="also write objects, numbered 1, 2, …")
    rules.add_argument("--overlay", action="store_true", help="also write a picture with labels drawn over it")
    rules.add_argument(
        "--table", action="store_true", help="also write objects.csv and summary.csv: what people measure"
    )
    rules.add_argument(
        "--outlines",
        action="append",
        default=[],
        choices=["geojson", "roi", "coco"],
        help="also write objects as outlines: for QuPath, for ImageJ, as COCO; may be given again",
    )
    rules.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    options, overrides = parse(rules, arguments)
    checkpoints = [name for name in options.files if name.endswith(".ckpt") or is_ensemble(name)]
    inputs = [name for name in options.files if name not in checkpoints]
    if not checkpoints or not inputs:
        raise InputError(
            "expected one CHECKPOINT or more, ending in .ckpt, or one ensemble.json, and one INPUT or more"
        )
    predictor = load(*checkpoints, overrides=overrides, trust=options.trust)
    kinds = ["classes", *(kind for kind in KINDS[1:] if getattr(options, kind))]
    broken: dict[Path, str] = {}
    check_output(options.output)
    collectors = collectors_of(options, predictor)
    wanted = Wanted(options.output, kinds, options.overwrite, collectors)
    files = find_inputs(inputs, options.output, broken)
    jobs, kept = plan(files, wanted, predictor, broken)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {options.output}: {error.strerror}; name a folder that can be made") from None
    if jobs:
        log.info(requirements(jobs, predictor, options.output))
        if (options.instances or collectors) and any(job.source.stack for job in jobs):
            log.info("objects are found slice by slice: one that runs through several has a number in each")
        run(predictor, jobs, broken)
    for path, reason in broken.items():
        named = str(path) in reason or repr(str(path)) in reason
        print(f"error: {reason if named else f'{path}: {reason}'}", file=sys.stderr)
    log.info(
        f"{len(jobs) - sum(job.source.path in broken for job in jobs)} labelled into {options.output}, "
        f"{kept} kept (--overwrite replaces them), {len(broken)} broken"
    )
    return int(bool(broken))


def collectors_of(options: Namespace, predictor: Predictor) -> list[Collector]:
    """What takes the objects, as --table and --outlines say."""
    given = (options.output, options.overwrite)
    found: list[Collector] = [Measurements(*given)] if options.table else []
    for form in dict.fromkeys(options.outlines):
        if form == "geojson":
            found.append(GeoJson(*given, dict(zip(predictor.classes, predictor.colors, strict=True))))
        else:
            found.append(Rois(*given) if form == "roi" else Coco(*given, predictor.classes))
    return found


def check_output(folder: Path) -> None:
    """InputError where the name of the output folder is a file's, or none at all."""
    try:
        taken = folder.exists() and not folder.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--output {str(folder)!r}: {reason}; name another folder") from None
    if taken:
        raise InputError(f"--output {folder} is a file; expected a folder, there or not; name another")
