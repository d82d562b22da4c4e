"""One thing that was looked at on this machine, and what to type where it is wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A name and what was found, in a line. problem: what is wrong, empty where nothing is; remedy: what to type.

    stops: whether no training would begin, or it would soon fail. A remedy without a problem is an offer.
    """

    name: str
    value: str
    problem: str = ""
    remedy: str = ""
    stops: bool = False
