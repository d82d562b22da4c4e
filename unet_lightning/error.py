"""InputError: what is wrong, and here is how to mend it. Interrupted: stopped on request."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What came, what was expected, and the override that mends it. The command line prints it and exits with 2."""


class Interrupted(SystemExit):
    """A run that was asked by a signal to stop; what it had is saved. Ends the program with 128 + the signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def nearest(name: str, names: Iterable[str]) -> str:
    """A sentence that offers the nearest right name, or all of them when none is near."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def shown(value: object, most: int = 80) -> str:
    """A value in a line: without what would break it or steer a terminal, and cut where it is long."""
    try:
        text = str(value)
    except (ValueError, RecursionError):  # a number of too many digits, a list in itself
        text = f"a {type(value).__name__} too large to show"
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"
