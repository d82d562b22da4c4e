"""Half a cosine down to 0 after a linear warm-up (Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983)."""

from math import cos, pi
from typing import Annotated

from annotated_types import Ge, Lt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine(optimizer: Optimizer, steps: int, warmup: Annotated[float, Ge(0), Lt(1)]) -> LambdaLR:
    """warmup: share of all steps in which the rate rises linearly to its full value."""
    rising = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + cos(pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return LambdaLR(optimizer, factor)
