"""InputError: what is wrong and how to correct it. Interrupted: stopped by a signal."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# also what turns the direction of text, and halves of characters that no output can hold
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text whose control characters, which a terminal would obey, are written out; line ends and tabs stay.

    >>> print(printable("cell\x1b[2J"))
    cell\x1b[2J
    """
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class InputError(ValueError):
    """What was given, what was expected, and the override or action that corrects it.

    The command line prints the message and exits with 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Interrupted(SystemExit):
    """A run that a signal asked to stop; its state is saved. The program ends with exit code 128 + signal number."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


def some(names: Sequence[object], kind: str = "files") -> str:
    """One name, or how many there are of a kind and the first three.

    >>> some(["a.png"]), some(["a.png", "b.png"]), some([2, 3, 5, 7], "rows")
    ('a.png', '2 files (a.png, b.png)', '4 rows (2, 3, 5, …)')
    """
    return examples(names) if len(names) == 1 else f"{len(names)} {kind} ({examples(names)})"


def examples(names: Sequence[object]) -> str:
    """The first three names."""
    return ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1200 pictures')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def nearest(name: str, names: Iterable[str]) -> str:
    """A phrase that suggests the most similar known name, or lists all of them when none is similar."""
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
