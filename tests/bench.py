"""Speed, as ratios measured in one run: `make bench`. Prints one line a comparison; asserts nothing."""

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from unet_lightning.config import compose
from unet_lightning.run import build, make, plain_config

SHAPE = {"in_channels": 1, "classes": 2}


def seconds(step: Callable[[], object], repeats: int = 5) -> float:
    """Median time of a step, after one to warm up."""
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return median(times)


def plain_step() -> Callable[[], object]:
    """A step of the paper network on one 572x572 image in eager float32, contiguous."""
    config = compose(["model=paper"])
    network, loss = (make(plain_config(config)[key], **extra) for key, extra in (("model", SHAPE), ("loss", {})))
    optimizer = make(plain_config(config)["optimizer"])(network.parameters())
    batch = paper_batch()

    def step() -> None:
        optimizer.zero_grad()
        loss(network(batch["image"]), batch["mask"], batch["weight"]).backward()
        optimizer.step()

    return step


def run_step() -> Callable[[], object]:
    """The same step as a run does it: its precision, its memory format, its task."""
    run = build(compose(["model=paper", "data=synthetic", "data.number=3", "trainer.accelerator=cpu"]))
    optimizer = run.task.optimizer(run.task.parameters())
    batch = paper_batch()

    def step() -> None:
        with run.trainer.precision_plugin.forward_context():
            loss = run.task.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def paper_batch() -> dict[str, Any]:
    """Noise of the paper's sizes."""
    mask = torch.randint(0, 2, (1, 388, 388))
    return {"image": torch.randn(1, 1, 572, 572), "mask": mask, "weight": torch.ones(1, 388, 388)}


def paper_network() -> None:
    """The default step against eager float32, contiguous."""
    plain, ours = seconds(plain_step(), 3), seconds(run_step(), 3)
    print(f"paper network, a training step: {ours:.2f} s; eager float32 contiguous {plain:.2f} s: {plain / ours:.2f}x")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", ".*self.trainer. reference is not registered.*")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    paper_network()
