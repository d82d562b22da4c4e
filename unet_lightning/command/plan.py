"""`unet-lightning plan data=…`: what nnU-Net would choose for a data set, without training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le
from omegaconf import OmegaConf
from rich.progress import track

from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.config.groups import CONF
from unet_lightning.config.overrides import unreadable
from unet_lightning.config.plain import containers
from unet_lightning.config.quote import read
from unet_lightning.config.signature import findings
from unet_lightning.error import InputError
from unet_lightning.page.table import Table
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.findings import grouped
from unet_lightning.plan.augmentation import rotation
from unet_lightning.plan.cases import cases
from unet_lightning.plan.encoder import ENCODERS
from unet_lightning.plan.fingerprint import Fingerprint, Intensities, foreground_intensities, measure
from unet_lightning.plan.nnunet import Configuration, Plan, plan_nnunet
from unet_lightning.record import DataSet, Record

HELP = """Show what nnU-Net would choose for a data set, by its own rules, without training.

  unet-lightning plan data=folder data.root=/my/set
  unet-lightning plan data=lits data.root=/my/volumes plan.encoder=residual_l plan.channels=[CT] --json

Patch, batch, network and normalisation of its 2-D configuration and, for volumes, of the 3-D ones, from the training
and validation images; the test split is never read. plan.memory_gb is the memory of the graphics card. The rules and
their sources are in docs/plan.md. Training with such a plan is not possible yet.
"""
RGB = ("rgb_to_0_1",) * 3


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("plan", HELP)
    rules.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options, overrides = parse(rules, arguments)
    own = [override for override in overrides if override.lstrip("+").startswith("plan.")]
    keys = plan_keys(own)
    plain = resolve(compose([override for override in overrides if override not in own]))
    dataset = find_dataset(plain)
    if dataset.findings:
        raise InputError("\n".join(grouped((line, ()) for line in dataset.findings)))
    records = [record for record in dataset.records if record.split != "test"]
    encoder = ENCODERS[keys["encoder"]]
    fingerprint = fingerprint_of(dataset, records, plain, keys["channels"])
    memory_gb = keys["memory_gb"] or encoder.gb
    plan = plan_nnunet(fingerprint, encoder, memory_gb)
    scaled = foreground_intensities(cases(dataset, records), fingerprint.cases) if "ct" in plan.normalization else []
    if options.json:
        found = {"intensities": [asdict(channel) for channel in scaled], "memory_gb": memory_gb}
        print(json.dumps(asdict(plan) | found | {"encoder": keys["encoder"]}, indent=1))
    else:
        print(text(plan, fingerprint, scaled, f"{keys['encoder']}, {memory_gb:g} GB"))
    return 0


def check_keys(
    memory_gb: Annotated[float, Gt(0), Le(10_000)] | None,
    encoder: Literal["plain", "residual_m", "residual_l", "residual_xl"],
    channels: list[str] | None,
) -> None:
    """The keys of conf/plan.yaml; its signature is their schema."""


def plan_keys(overrides: list[str]) -> Mapping[str, Any]:
    """conf/plan.yaml with overrides; InputError for a key or a value that can't be."""
    keys = dict(containers(OmegaConf.load(CONF / "plan.yaml"))["plan"])
    for line in overrides:
        override = read(line)
        if override is None:
            raise InputError(unreadable(line))
        keys[override.key_or_group.removeprefix("plan.")] = override.value()
    found = findings(check_keys, keys, "plan")
    if found:
        raise InputError("\n".join(found))
    return keys


def fingerprint_of(
    dataset: DataSet, records: Sequence[Record], plain: Mapping[str, Any], names: list[str] | None
) -> Fingerprint:
    """The fingerprint of some records; names: of the channels."""
    first = dataset.read(records[0]).image
    channels = tuple(names or (RGB if first.dtype == "uint8" and first.shape[2] == 3 else ["zscore"] * first.shape[2]))
    if len(channels) != first.shape[2]:
        raise InputError(
            f"plan.channels={list(channels)}: the images have {first.shape[2]} channels; name each of them"
        )
    labels = len(dataset.classes) + (plain["data"].get("ignore") is not None)
    return measure(track(cases(dataset, records), "images", transient=True), channels, labels)


def text(plan: Plan, fingerprint: Fingerprint, scaled: Sequence[Intensities], assumed: str) -> str:
    """The plan as a table for people."""
    names = list(plan.configurations)
    columns = [rows(configuration) for configuration in plan.configurations.values()]
    table = Table(
        f"nnU-Net's plan for {fingerprint.cases} images ({assumed})",
        ["", *names],
        [[label, *(column[label] for column in columns)] for label in columns[0]],
        f"Normalisation: {', '.join(plan.normalization)}{', of non-zero voxels' if any(plan.masked) else ''}. "
        f"Axes in the order {' '.join('zyx'[axis] for axis in plan.transpose)}.",
    )
    lines = [
        f"Channel {k}: cut off at {one.low:g} and {one.high:g}, minus {one.mean:g}, divided by {one.std:g}."
        for k, (one, scheme) in enumerate(zip(scaled, plan.normalization, strict=False))
        if scheme == "ct"
    ]
    return "\n".join([table.markdown(), *lines])


def rows(found: Configuration) -> dict[str, str]:
    """The lines of a configuration."""
    turned = rotation(found.topology.patch)
    return {
        "spacing": times(f"{size:g}" for size in found.spacing),
        "median image": times(f"{size:g}" for size in found.median),
        "patch": times(found.topology.patch),
        "batch": str(found.batch),
        "stages": str(len(found.channels)),
        "strides": ", ".join(map(times, found.topology.strides)),
        "kernels": ", ".join(map(times, found.topology.kernels)),
        "channels": ", ".join(map(str, found.channels)),
        "kept outputs, of those allowed": f"{found.elements / found.reference:.2f}",
        "Dice": "of the batch" if found.batch_dice else "of each image",
        "rotation": f"±{turned.degrees:g}°{', slice by slice' if turned.slicewise else ''}",
        "patch before rotation": times(turned.first_patch),
    }


def times(sizes: Any) -> str:
    """Sizes as people write them."""
    return "x".join(map(str, sizes))
