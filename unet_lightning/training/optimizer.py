"""The optimizer in its fused form, which updates all parameters in one pass."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

FUSED = (torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD)  # on CPUs and on GPUs
CHOSEN = ("fused", "foreach", "capturable", "differentiable")  # by whoever wants another form


def fused(make: Callable[..., torch.optim.Optimizer], precision: str) -> Callable[..., torch.optim.Optimizer]:
    """The same function of parameters to an optimizer, fused where torch has that, but not for float16, whose gradients
    Lightning couldn't clip then.
    """
    known = isinstance(make, partial) and make.func in FUSED
    if not known or precision == "16-mixed" or any(key in make.keywords for key in CHOSEN):  # type: ignore[attr-defined]
        return make
    options: Any = {"fused": True}
    return partial(make, **options)
