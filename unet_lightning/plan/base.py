"""What every plan is: values for keys of the config, each with the rule or the measurement behind it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One value that a plan chooses. key: as in an override, such as data.crop; for a part its name is the value."""

    key: str
    value: Any
    why: str


@dataclass(frozen=True)
class Decision:
    """All choices of a plan. notes: sections of Markdown for plan.md, on what was measured and what isn't followed."""

    choices: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()


class Plan(ABC):
    """Chooses values for a data set. What a user typed wins over a plan, and a plan over conf/."""

    @abstractmethod
    def decide(self, plain: Mapping[str, Any], typed: Mapping[str, Any]) -> Decision:
        """The choices for the data set of a plain config, whose test images are never read; InputError as it raises.

        typed: the values that were typed, by their keys; a rule whose choice depends on them takes them as given.
        """
