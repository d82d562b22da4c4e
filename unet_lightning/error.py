"""InputError: what is wrong and how to correct it. Interrupted: stopped by a signal."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What was given, what was expected, and the override or action that corrects it.

    The command line prints the message and exits with 2.
    """


class Interrupted(SystemExit):
    """A run that a signal asked to stop; its state is saved. The program ends with exit code 128 + signal number."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def nearest(name: str, names: Iterable[str]) -> str:
    """A phrase that suggests the most similar known name, or lists all of them when none is similar."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
