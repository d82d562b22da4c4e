"""What the yaml files of conf/ say of themselves: what an option is, and each key with its default and comment."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unet_lightning.config.groups import CONF

LINE = re.compile(r"^( *)(\w+):\s*([^#]*?)\s*(?:#\s(.*))?$")
WIRING = ("_target_", "_partial_", "defaults", "hydra")  # of Hydra; a comment makes a key below them one for users


class Key(NamedTuple):
    """A key as it is typed, its default as it is written, empty of a mapping, and its comment, empty without one."""

    name: str
    default: str
    comment: str


def keys(file: str) -> Iterator[Key]:
    """The keys of conf/FILE, `loss/focal.yaml` for instance; inherited ones are those of the files it is based on."""
    path = CONF / file
    lines = path.read_text(encoding="utf-8").splitlines()
    parents: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if match := LINE.match(line):
            indent, key, value, comment = match.groups()
            parents = [*parents[: len(indent) // 2], key]
            value = value or (following.strip() if following.strip().startswith("[") else "")
            if comment or (value and not set(parents) & set(WIRING)):
                yield Key(_prefix(path, lines) + ".".join(parents), value, comment or "")


def first_comment(group: str, name: str) -> str:
    """What the option is, as its file says in the first line that is meant for people."""
    lines = (CONF / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if not line.startswith("# @")).removeprefix("# ")


def bases(group: str, name: str) -> list[str]:
    """The options of the same group whose keys and values the option takes over."""
    lines = (CONF / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    found = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
    return [one for one in found if (CONF / group / f"{one}.yaml").is_file()]


def _prefix(path: Path, lines: list[str]) -> str:
    """What is typed before the keys that a file names."""
    if path.parent == CONF or lines[0] == "# @package _global_":
        return ""
    return f"trainer.callbacks.{path.stem}." if path.parent.name == "callback" else f"{path.parent.name}."
