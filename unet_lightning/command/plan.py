"""`unet-lightning plan data=…`: what a plan would choose for a data set, without training."""

import json
from dataclasses import asdict

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.plan.apply import beneath, check_plan, typed_values
from unet_lightning.plan.base import Plan
from unet_lightning.plan.nnunet import NnUNet
from unet_lightning.plan.page import page

HELP = """Show what a plan would choose for a data set, and why, without training.

  unet-lightning plan data=folder data.root=/my/images
  unet-lightning plan data=isbi2012 data.root=/isbi2012 plan.encoder=residual_l
  unet-lightning plan data=folder data.root=/my/images plan=auto plan.minutes=20
  unet-lightning plan data=lits data.root=/lits 'plan.channels=[CT]' --json

The plan is nnU-Net's (plan=nnunet), or plan=auto plan.minutes=20, which also times a few steps of training on this
machine (docs/auto.md). plan.memory_gb is that of the graphics card, plan.channels the names of the
channels, which choose their normalisation (docs/plan.md). The training and validation images are measured; the test
split is never read. `python train.py plan=… …` trains by the plan.
"""


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("plan", HELP)
    rules.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options, overrides = parse(rules, arguments)
    overrides = [line.removeprefix("+") for line in overrides]
    chosen = [] if any(line.startswith("plan=") for line in overrides) else ["plan=nnunet"]
    plain = resolve_plain(compose([*chosen, *overrides]))
    check_plan(plain)
    plan: Plan = instantiate(plain["plan"])
    if options.json:
        if not isinstance(plan, NnUNet):
            raise InputError("--json shows nnU-Net's configurations; set plan=nnunet")
        planned = plan.measure(plain)
        assumed = {"encoder": plain["plan"]["encoder"], "memory_gb": planned.memory_gb}
        intensities = [asdict(channel) for channel in planned.intensities]
        print(json.dumps(asdict(planned.rules) | assumed | {"intensities": intensities}, indent=1))
    else:
        decision = plan.decide(plain, typed_values(overrides))
        print(page(decision, beneath(decision.choices, overrides)))
    return 0
