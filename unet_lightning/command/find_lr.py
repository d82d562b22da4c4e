"""`unet-lightning find-lr key=value…`: a learning-rate range test with its plot."""

import logging
import sys
from pathlib import Path

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.page.line_chart import line_chart
from unet_lightning.page.number import format_number
from unet_lightning.runtime.files import write_atomic
from unet_lightning.training.build import build
from unet_lightning.training.quiet import quieten
from unet_lightning.training.rate_test import STEPS, range_test

HELP = f"""Find a learning rate: train {STEPS} steps at rates from 1e-6 to 1 and see where the loss falls.

  unet-lightning find-lr data=folder data.root=/my/set optimizer=sgd
  unet-lightning find-lr data=folder data.root=/my/set loss=ce_dice --plot rates.svg

The overrides are those of the training. Printed is the rate at which the smoothed loss falls fastest, as the override
to type, and the one at which it is lowest; the plot, an SVG, shows the whole curve. Nothing of the training is kept.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("find-lr", HELP)
    where = Path("outputs/find-lr.svg")
    rules.add_argument("--plot", type=Path, default=where, metavar="FILE", help=f"the curve, an SVG ({where})")
    options, overrides = parse(rules, arguments)
    if options.plot.suffix != ".svg":
        raise InputError(f"--plot {options.plot} is no SVG; name it like {where}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    quieten()
    plain = resolve(compose(overrides))
    found = range_test(build(plain))
    points = list(zip(found.rates, found.losses, strict=True))
    marks = {f"steepest {found.steepest:.1e}": found.steepest}
    write_atomic(options.plot, line_chart({"": points}, "learning rate", "loss, smoothed", log=True, marks=marks))
    print(f"steepest  optimizer.lr={found.steepest:.1e}")
    print(f"lowest    {found.lowest:.1e}, loss {format_number(min(found.losses))}; larger rates break it soon")
    print(f"plot      {options.plot}")
    return 0
