"""The text of `train --help`: every key, its options and values, read from the comments in conf/."""

from collections.abc import Iterator

from unet_lightning.config.comments import first_comment, keys
from unet_lightning.config.groups import groups

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
        lines += [f"    {name:<12} {first_comment(group, name)}" for name in names]
    lines.append("\nValues (key=value), with their defaults:")
    lines += [f"  {line}" for line in _values("train.yaml")]
    for group, names in groups().items():
        for name in names:
            values = list(_values(f"{group}/{name}.yaml"))
            lines += [f"  with {group}={name}:"] if values and group != "callback" else []
            lines += [f"    {line}" for line in values]
    return "\n".join(lines)


def _values(file: str) -> Iterator[str]:
    """`key=default  comment` for every key that has a comment; others aren't for users."""
    for key in keys(file):
        if key.comment:
            yield f"{key.name}={key.default}".ljust(38) + f" {key.comment}"
