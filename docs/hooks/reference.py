"""The page of all keys, written from the comments of conf/ whenever the site is built."""

import re
from collections.abc import Iterable

from unet_lightning.config.comments import Key, bases, first_comment, keys
from unet_lightning.config.groups import groups

START = """# Reference by key

Every key, its default and what it does, from the comments of `conf/`; `python train.py --help` prints them as well.
`key=name` chooses one of the options below, `key.name=value` sets a value of it. How they work together:
[the README](../README.md#what-can-be-chosen).
"""
FILES = {
    "train.yaml": "Values of a training run",
    "predict.yaml": "Added by predict, tune and export",
    "evaluate.yaml": "Added by evaluate",
}
CALLBACK = "Chosen by `+callback@trainer.callbacks.NAME=NAME`, left out by `~trainer.callbacks.NAME`."


def page() -> str:
    """The whole page, as Markdown."""
    parts = [START]
    for file, title in FILES.items():
        parts.append(f"## {title} {{#{file.removesuffix('.yaml')}}}\n\n{table(keys(file))}")
    for group, names in groups().items():
        parts.append(f"## `{group}` {{#{group}}}\n" + (f"\n{CALLBACK}\n" if group == "callback" else ""))
        parts += [option(group, name) for name in names]
    return "\n".join(parts)


def option(group: str, name: str) -> str:
    """An option: what it is, what it is based on, its own keys."""
    based = [f"[`{one}`](#{group}-{one})" for one in bases(group, name)]
    lines = [f"### `{group}={name}` {{#{group}-{name}}}", escaped(first_comment(group, name))]
    lines += [f"The keys of {' and '.join(based)}; with values of its own:"] if based else []
    return "\n\n".join([*lines, table(keys(f"{group}/{name}.yaml"))])


def table(rows: Iterable[Key]) -> str:
    """Keys as a table, as they are typed; nothing where there are none."""
    lines = [f"| `{key.name}={key.default}` | {escaped(key.comment)} |" for key in rows]
    return "\n".join(["| key and default | |", "|---|---|", *lines, ""]) if lines else ""


def escaped(text: str) -> str:
    """A comment in which Markdown finds no markup but `code`."""
    return re.sub(r"([\\*_{}\[\]|])", r"\\\1", text).replace("<", "&lt;")
