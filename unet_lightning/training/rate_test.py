"""The learning-rate range test: train at ever larger rates: where does the loss fall, where does it break?

Smith, WACV 2017, arXiv:1506.01186.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import isfinite, log
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from unet_lightning.error import InputError
from unet_lightning.runtime.device import choose_device
from unet_lightning.training.build import Run

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 100
SMOOTHING = 0.9  # of the mean of the losses
BROKEN = 3  # times its lowest value: from here on the test ends
BEGINNING = 10  # steps that a mean needs before it tells


@dataclass(frozen=True)
class RateTest:
    """Rates in rising order and the smoothed loss at each."""

    rates: list[float]
    losses: list[float]

    @property
    def steepest(self) -> float:
        """Where the smoothed loss falls fastest for a factor of the rate: a good largest rate of a schedule."""
        return self.rates[steepest(self.rates, self.losses)]

    @property
    def lowest(self) -> float:
        """Where it is lowest: larger rates break it soon."""
        return self.rates[min(range(len(self.losses)), key=self.losses.__getitem__)]


def range_test(run: Run) -> RateTest:
    """Train the network of a run from `LOWEST` to `HIGHEST`; what it learns is thrown away with it.

    InputError where the loss isn't finite from the first steps on.
    """
    task, device = run.task, choose_device(run.task.identity["config"]["trainer"]["accelerator"])
    task.to(device).train()
    optimizer = task.objective.optimizer(task.parameters())
    shares = [group["lr"] / optimizer.param_groups[0]["lr"] for group in optimizer.param_groups]
    rates, losses = [], []
    for step, batch in zip(range(STEPS), batches(run), strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = rate * share
        loss = _step(run, optimizer, run.data.on_after_batch_transfer(move_data_to_device(batch, device), 0))
        if not isfinite(loss):
            break
        rates.append(rate)
        losses.append(loss)
        means = smoothed(losses)
        if step > BEGINNING and means[-1] > BROKEN * min(means):
            break
    if len(rates) <= BEGINNING:
        raise InputError(
            f"the loss isn't finite after {len(rates)} steps at rates below 1e-5; see normalize=… and loss=…"
        )
    return RateTest(rates, smoothed(losses))


def batches(run: Run) -> Iterator[dict[str, Any]]:
    """Training batches without end, an epoch after the other."""
    loader = run.data.train_dataloader()
    return chain.from_iterable(repeat(loader))


def _step(run: Run, optimizer: torch.optim.Optimizer, batch: dict[str, Any]) -> float:
    for module in run.task.frozen:
        module.eval()
    with run.trainer.precision_plugin.forward_context():
        loss = run.task.loss_of(batch)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential means without the weight of what was before the first.

    >>> [round(value, 3) for value in smoothed([1.0, 1.0, 2.0])]
    [1.0, 1.0, 1.369]
    """
    mean, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**step))
    return found


def steepest(rates: Sequence[float], losses: Sequence[float]) -> int:
    """The place at which the loss falls fastest for a factor of the rate, before its lowest value.

    The slope is over five places; the first ones, of few steps, don't count.
    """
    end = min(range(len(losses)), key=losses.__getitem__)
    places = range(min(BEGINNING, max(2, end - 3)), max(end - 1, 3))
    return min(places, key=lambda k: (losses[k + 2] - losses[k - 2]) / log(rates[k + 2] / rates[k - 2]))
