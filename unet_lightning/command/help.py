"""The text of `train --help`: every key, its options and values, read from the comments in conf/."""

import re
from collections.abc import Iterator
from pathlib import Path

from unet_lightning.config.groups import CONF, groups

USAGE = """Train a U-Net: choose parts, set values, sweep with -m.

  {program} loss=focal upsample=bilinear
  {program} data=folder data.root=/my/images trainer.max_epochs=50
  {program} -m loss=ce,focal upsample=transposed,bilinear seed=1,2,3
  {program} -m -cd experiments/upsample_fusion -cn quick
  {program} --cfg job                  show the composed config and stop
  tensorboard --logdir outputs
"""


def help_text(program: str) -> str:
    """Every key and its options in a line, read from the comments of conf/."""
    lines = [USAGE.format(program=program), "Parts (key=name):"]
    for group, names in groups().items():
        lines.append(f"  {'+callback@trainer.callbacks.NAME' if group == 'callback' else group}=")
        lines += [f"    {name:<12} {_first_comment(CONF / group / f'{name}.yaml')}" for name in names]
    lines.append("\nValues (key=value), with their defaults:")
    lines += [f"  {line}" for line in _values(CONF / "train.yaml", "")]
    for group, names in groups().items():
        for name in names:
            prefix = f"trainer.callbacks.{name}." if group == "callback" else f"{group}."
            values = list(_values(CONF / group / f"{name}.yaml", prefix))
            lines += [f"  with {group}={name}:"] if values and group != "callback" else []
            lines += [f"    {line}" for line in values]
    return "\n".join(lines)


def _first_comment(path: Path) -> str:
    first = next(line for line in path.read_text().splitlines() if not line.startswith("# @"))
    return first.removeprefix("# ") if first.startswith("#") else ""


def _values(path: Path, prefix: str) -> Iterator[str]:
    """`key=default  comment` for every line of a yaml file that has a comment; other lines aren't for users."""
    parents: list[str] = []
    text = path.read_text()
    prefix = "" if text.startswith("# @package _global_") else prefix
    for line in text.splitlines():
        match = re.match(r"^( *)(\w+):\s*([^#]*?)\s*(?:#\s(.*))?$", line)
        if match:
            indent, key, value, comment = match.groups()
            parents = [*parents[: len(indent) // 2], key]
            if comment:
                yield f"{prefix}{'.'.join(parents)}={value}".ljust(38) + f" {comment}"
