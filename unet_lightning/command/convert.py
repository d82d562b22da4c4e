"""`unet-lightning convert data=… --output DIR`: any data set as the plain layout that `data=folder` reads."""

import sys
from pathlib import Path

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.pipeline.convert import convert
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.findings import grouped

HELP = """Write a data set as the plain layout that data=folder reads: manifest.csv, images/, masks/, instances/.

  unet-lightning convert data=nuclei --output /my/nuclei
  unet-lightning convert data=folder data.root=/my/set data.channels=1 --output /my/grey
  unet-lightning convert data=ctc data.root=/my/DIC-C2DH-HeLa --scale 0.5 --output /my/half

Images keep their type and channels (PNG; TIFF for what PNG can't hold), masks hold class ids, ignored pixels a number
of their own; splits, groups, kinds and ids stay. With --scale grey values are averaged over areas and labels are those
of the nearest pixel: a network sees farther on smaller images, and trains faster; it then predicts images of that size.
README.md in the folder and the last line printed say how to train on it. Written by data.num_workers processes. The
folder appears when it is whole, and an existing one is left alone; a conversion that is killed leaves .DIR-… beside it,
which may be deleted.

Exit code: 0 when all is written, 1 with errors in the data, 2 for a wrong override.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("convert", HELP)
    rules.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder that doesn't exist yet")
    rules.add_argument(
        "--scale", type=float, default=1.0, metavar="S", help="times as many pixels a side; 1 leaves them"
    )
    options, overrides = parse(rules, arguments)
    if not 0 < options.scale < float("inf"):
        raise InputError(f"--scale {options.scale}: expected a number above 0, such as 0.5")
    plain = resolve(compose(overrides))
    dataset = find_dataset(plain)
    known = grouped((text, ()) for text in dataset.findings)
    findings = known or convert(dataset, options.output, plain["data"]["num_workers"], options.scale)
    for note in dataset.notes:
        print(f"warning: {note}", file=sys.stderr)
    for finding in findings:
        print(f"error: {finding}", file=sys.stderr)
    if not findings:
        print((options.output / "README.md").read_text(encoding="utf-8").splitlines()[-1].strip())
    return 1 if findings else 0
