"""Polynomial decay, lr (1 - step / steps)^power (Chen et al., DeepLab; nnU-Net uses 0.9)."""

from typing import Annotated

from annotated_types import Gt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def poly(optimizer: Optimizer, steps: int, power: Annotated[float, Gt(0)]) -> LambdaLR:
    """From the full rate to 0 at the last step."""
    return LambdaLR(optimizer, lambda step: (1 - min(step, steps) / steps) ** power)
