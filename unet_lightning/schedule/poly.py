"""Polynomial decay, lr (1 - step / steps)^power.

Chen et al., DeepLab, IEEE TPAMI 2018, doi:10.1109/TPAMI.2017.2699184; nnU-Net (doi:10.1038/s41592-020-01008-z) uses
power 0.9.
"""

from typing import Annotated

from annotated_types import Ge, Gt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def poly(optimizer: Optimizer, steps: int, power: Annotated[float, Gt(0)], every: Annotated[int, Ge(1)]) -> LambdaLR:
    """From the full rate towards 0 at the end, set anew after `every` steps: with 1 it is 0 after the last step."""
    return LambdaLR(optimizer, lambda step: (1 - min(step, steps) // every * every / steps) ** power)
