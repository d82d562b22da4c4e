"""The arguments of a verb: files, flags for files, and overrides."""

import logging
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn


def parser(verb: str, description: str) -> ArgumentParser:
    """A parser for a verb's files and flags; --help shows `description` unchanged."""
    return ArgumentParser(
        f"unet-lightning {verb}", description=description, formatter_class=RawDescriptionHelpFormatter
    )


def checkpoint_parser(verb: str, description: str) -> ArgumentParser:
    """A parser for a verb that loads checkpoints, with --trust; also shows log messages on the terminal."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser(verb, description)
    rules.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="also build its classes")
    return rules


def parse(rules: ArgumentParser, arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Files and flags as `rules` read them, and the overrides among them, in their order."""
    overrides = [argument for argument in arguments if is_override(argument)]
    if overrides:
        from unet_lightning.config.overrides import warn_repeated  # by Hydra, whose absence doctor is to report

        warn_repeated(overrides)
    return rules.parse_intermixed_args([a for a in arguments if not is_override(a)]), overrides


def is_override(argument: str) -> bool:
    """Whether an argument is `key=value`, `+key=value` or `~key`; a path may contain = too, as folders of sweeps do."""
    if argument.startswith("~"):
        return "/" not in argument
    key, equals, _ = argument.partition("=")
    return bool(equals) and not key.startswith("-") and "/" not in key and not Path(argument).exists()


def refuse(message: str) -> NoReturn:
    """Print what is wrong and exit with 2."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
