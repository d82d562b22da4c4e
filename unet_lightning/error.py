"""The one exception that means: the user's input is wrong, and here is how to mend it."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What came, what was expected, and the override that mends it. The command line prints it and exits with 2."""


def nearest(name: str, names: Iterable[str]) -> str:
    """A sentence that offers the nearest right name, or all of them when none is near."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
