"""How long a run that must end in time can still be, and where its schedule then stands."""

from collections.abc import Callable, Sequence
from math import floor
from typing import Any, NamedTuple


class Period(NamedTuple):
    """What the steps up to a validation took, in seconds. step: of one step. validation: of the scores after them."""

    step: float
    validation: float


def steps_possible(lasted: Sequence[Period], left: float, planned: int, period: int, divisible: bool) -> int:
    """How many of the `planned` steps are kept to fit into `left` seconds, their validations included.

    lasted: the periods until now, of which each has `period` steps and a validation. Of these the last ones tell, as
    many as half of those to come, so that in the end the run notices at once that the machine has become slower. What
    few periods tell is doubted while there is another validation to come, since nothing that is left out comes back:
    after one period twice as many steps are kept as fit, after two one and a half times as many. divisible: whether the
    last period may be a short one; it then has a quarter of the steps at least.

    >>> steps_possible([Period(1, 2)] * 100, left=55, planned=200, period=10, divisible=False)
    40
    >>> steps_possible([Period(1, 2)] * 100, left=55, planned=200, period=10, divisible=True)
    45
    """
    recent = lasted[-max(1, planned // period // 2) :]
    step = sum(one.step for one in recent) / len(recent)
    validation = sum(one.validation for one in recent) / len(recent)

    def fit(seconds: float) -> int:
        whole = floor(seconds / (period * step + validation))
        rest = floor((seconds - whole * (period * step + validation) - validation) / step)
        return whole * period + (rest if divisible and rest >= period / 4 else 0)

    left = max(0.0, left)
    surely = fit(left)
    return min(planned, surely if surely <= period else fit(left * (1 + 1 / len(lasted))))


def without_gain(scores: Sequence[float], mode: str) -> int:
    """How many scores came after the best one.

    >>> without_gain([0.1, 0.5, 0.5, 0.4], "max"), without_gain([], "min")
    (2, 0)
    """
    best = max if mode == "max" else min
    return len(scores) - 1 - scores.index(best(scores)) if scores else 0


def shortened(factor: Callable[[Any], float], total: int, ends: Sequence[tuple[int, int]], step: int) -> float:
    """The factor of the learning rate at a step of a shortened run."""
    return factor(scheduled_step(step, total, ends))


def scheduled_step(step: int, total: int, ends: Sequence[tuple[int, int]]) -> float:
    """The step of the schedule of a run of `total` steps at which a shortened one stands.

    ends: after which step it was shortened, and to which length.

    >>> [scheduled_step(step, 100, [(50, 75)]) for step in (40, 50, 60, 75)]
    [40.0, 50.0, 70.0, 100.0]
    """
    start, stands, end = 0, 0.0, total
    for after, length in ends:
        if step <= after:
            break
        stands, start, end = stands + (after - start) * (total - stands) / (end - start), after, length
    return float(total) if end <= start else stands + (step - start) * (total - stands) / (end - start)
