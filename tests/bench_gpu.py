"""Images a second on a GPU beside what others published, a part of `make bench` and of `make test-gpu`."""

import time
from typing import Any, NamedTuple

import torch

from tests.small import config
from unet_lightning.training.build import Run, build

STEPS, WARM = 20, 5


class Published(NamedTuple):
    """Images a second on an A100 in mixed precision, where they come from, and what is measured here for them."""

    source: str
    training: float
    inference: float | None
    options: tuple[str, ...]
    shape: tuple[int, int, int, int]  # (batch, channels, height, width) of the network's input


EXAMPLES = "NVIDIA DeepLearningExamples"
PUBLISHED = (
    Published(f"{EXAMPLES}, UNet_Medical (TensorFlow 2, XLA), A100-40", 62.5, None, ("model=paper",), (1, 1, 572, 572)),
    Published(f"{EXAMPLES}, UNet_Medical (TensorFlow 2, XLA), A100-40", 119, 424, ("model=paper",), (8, 1, 572, 572)),
    Published(
        f"{EXAMPLES}, nnU-Net 2-D, 4x192x160, A100-80, batch not known", 927, 3867, ("model=nnunet",), (64, 4, 192, 160)
    ),
)


def throughput() -> None:
    """Print a line for each published figure; the networks are alike, the cards, batches and frameworks are not."""
    if not torch.cuda.is_available():
        print("images a second on a GPU: skipped, no CUDA device on this machine")
        return
    for theirs in PUBLISHED:
        found = []
        for compiled in ("false", "true"):
            run = networks(*theirs.options, f"compile={compiled}", "trainer.accelerator=gpu", channels=theirs.shape[1])
            found.append(speeds(run, theirs.shape, torch.device("cuda")))
        (training, inference), (compiled_training, _) = found
        print(
            f"{' '.join(theirs.options)}, {'x'.join(map(str, theirs.shape))}, {torch.cuda.get_device_name()}, "
            f"images a second: training {training:.0f}, compiled {compiled_training:.0f}, published {theirs.training}; "
            f"inference {inference:.0f}, published {theirs.inference or 'none'} ({theirs.source})"
        )


def networks(*options: str, channels: int) -> Run:
    """A run on synthetic images of that number of channels."""
    small = ["data=synthetic", "data.number=3", "data.height=64", "data.width=64", "data.num_workers=0"]
    run = build(config(*small, *options))
    first = next(part for part in run.task.network.modules() if isinstance(part, torch.nn.Conv2d))
    if first.in_channels != channels:
        first.in_channels = channels
        first.weight = torch.nn.Parameter(first.weight[:, :1].repeat(1, channels, 1, 1))
    return run


def speeds(run: Run, shape: tuple[int, int, int, int], device: torch.device) -> tuple[float, float]:
    """Images a second of training steps and of forward passes in evaluation mode."""
    task, precision = run.task.to(device).train(), run.trainer.precision_plugin
    task.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimizer = task.objective.optimizer(task.parameters())
    with torch.no_grad(), precision.forward_context():
        image = torch.randn(shape, device=device)
        sides = task.network(image).shape[2:]
    mask = torch.randint(0, 2, (shape[0], *sides), device=device)
    batch: dict[str, Any] = {"image": image, "mask": mask, "weight": torch.ones(mask.shape, device=device)}

    def train() -> None:
        with precision.forward_context():
            loss = task.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def infer() -> None:
        with torch.inference_mode(), precision.forward_context():
            task.network(image)

    training = rate(train, device)
    task.eval()
    return shape[0] * training, shape[0] * rate(infer, device)


def rate(step: Any, device: torch.device) -> float:
    """Calls a second, after a few to warm up."""
    began = 0.0
    for number in range(WARM + STEPS):
        if number == WARM:
            began = now(device)
        step()
    return STEPS / (now(device) - began)


def now(device: torch.device) -> float:
    """Seconds, when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    throughput()
