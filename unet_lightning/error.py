"""InputError: what is wrong, and here is how to mend it. Interrupted: stopped on request."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """What came, what was expected, and the override that mends it. The command line prints it and exits with 2."""


class Interrupted(SystemExit):
    """A run that was asked by a signal to stop; what it had is saved. Ends the program with 128 + the signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def some(names: Sequence[object]) -> str:
    """One name, or how many there are and the first three.

    >>> some(["a.png"]), some([1, 2, 3, 4])
    ('a.png', '4 files (1, 2, 3, …)')
    """
    shown = ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")
    return shown if len(names) == 1 else f"{len(names)} files ({shown})"


def nearest(name: str, names: Iterable[str]) -> str:
    """A sentence that offers the nearest right name, or all of them when none is near."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
