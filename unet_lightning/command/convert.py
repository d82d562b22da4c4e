"""`unet-lightning convert data=… --output DIR`: write any data set in the simple layout that `data=folder` reads."""

import sys
from pathlib import Path

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.pipeline.convert import convert
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.findings import grouped

HELP = """Write a data set in the simple layout that data=folder reads: manifest.csv, images/, masks/, instances/.

  unet-lightning convert data=nuclei --output /my/nuclei
  unet-lightning convert data=folder data.root=/my/set data.channels=1 --output /my/grey
  unet-lightning convert data=ctc data.root=/my/DIC-C2DH-HeLa --scale 0.5 --output /my/half

Images keep their type and channels (PNG, or TIFF where PNG can't hold them or pixels have no data). Masks hold class
ids, and a number of its own for ignored pixels. Splits, groups, kinds and ids are kept. With --scale the images are
resized: grey values are averaged over areas, labels taken from the nearest pixel. On smaller images a network sees more
context and trains faster; images to predict must then be resized in the same way. README.md in the folder and the last
line of the output show the command to train on it. data.num_workers processes write the files. The folder appears when
it is complete; an existing folder is never changed. A conversion that is killed leaves a folder .DIR-… beside it, which
may be deleted.

Exit code: 0 when everything is written, 1 with errors in the data, 2 for a wrong override.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("convert", HELP)
    rules.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder that doesn't exist yet")
    rules.add_argument(
        "--scale", type=float, default=1.0, metavar="S", help="factor for both sides of the images; 1 keeps them"
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
