"""What is typed after a verb: files, flags for files, and overrides."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path


def parser(verb: str, description: str) -> ArgumentParser:
    """A parser for a verb's files and flags; `description` is shown by --help as it stands."""
    return ArgumentParser(
        f"unet-lightning {verb}", description=description, formatter_class=RawDescriptionHelpFormatter
    )


def parse(rules: ArgumentParser, arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Files and flags as `rules` read them, and the overrides among them, in their order."""
    overrides = [argument for argument in arguments if is_override(argument)]
    return rules.parse_intermixed_args([a for a in arguments if not is_override(a)]), overrides


def is_override(argument: str) -> bool:
    """`key=value`, `+key=value`, `~key`; a path may hold an equals sign as well, as the folders of sweeps do."""
    if argument.startswith("~"):
        return "/" not in argument
    key, equals, _ = argument.partition("=")
    return bool(equals) and not key.startswith("-") and "/" not in key and not Path(argument).exists()
