"""Speed, as ratios measured in one run: `make bench`. Prints one line a comparison; asserts nothing."""

import time
from collections.abc import Callable
from statistics import median

import torch

from unet_lightning.config import compose
from unet_lightning.run import choose_precision, instantiate


def seconds(step: Callable[[], object], repeats: int = 5) -> float:
    """Median time of a step, after one to warm up."""
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return median(times)


def training_step(fast: bool) -> Callable[[], object]:
    """A step of the paper network on one 572x572 image, as a run does it or in eager float32."""
    torch.manual_seed(0)
    config = compose(["model=paper", "loss=ce"])
    network, loss = instantiate(config.model, in_channels=1, classes=2), instantiate(config.loss)
    image, mask, weight = torch.randn(1, 1, 572, 572), torch.randint(0, 2, (1, 388, 388)), torch.ones(1, 388, 388)
    half = fast and choose_precision("auto", "cpu") == "bf16-mixed"
    if fast:
        network, image = (x.to(memory_format=torch.channels_last) for x in (network, image))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.99)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(image)
        optimizer.zero_grad()
        loss(logits, mask, weight).backward()
        optimizer.step()

    return step


def paper_network() -> None:
    """The default step against eager float32, contiguous."""
    plain, ours = seconds(training_step(fast=False), 3), seconds(training_step(fast=True), 3)
    print(f"paper network, a training step: {ours:.2f} s; eager float32 contiguous {plain:.2f} s: {plain / ours:.2f}x")


if __name__ == "__main__":
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    paper_network()
