"""The ISBI 2012 figure of NVIDIA's DeepLearningExamples (TensorFlow2/Segmentation/UNet_Medical, 2021) by its protocol.

    python -m experiments.race.nvidia_isbi --steps 6400 --device cuda

Published there: a soft Dice of 0.89. Protocol: each section is shrunk from 512² to 388² and gets a zero border up to
572², which the paper's valid network takes away again; 80 % of the shuffled sections train, five folds that overlap;
the score is a soft Dice of both classes with squared denominators, a mean over images at 388². Beside it this prints
what the figure would usually mean: the Dice of the cells as decided, at the 512² of the files; `--folds true` makes
folds that don't overlap.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.race.nvidia_protocol import (
    FOLDS,
    SHRUNK,
    augment,
    central,
    hard_dice,
    loss_of,
    overlapping_fold,
    resized,
    shrink,
    shrink_label,
    soft_dice,
    true_fold,
)
from experiments.race.sets import SETS
from unet_lightning.fusion.concat import Concat
from unet_lightning.model.unet import build_unet
from unet_lightning.runtime.device import choose_device

BATCH, RATE, DECAY = 8, 1e-4, 5e-4


class Up(nn.Module):
    """Transposed 3x3 convolution of stride 2 and ReLU, (B, in, h, w) to (B, out, 2h, 2w); it begins at the first pixel,
    as TensorFlow's does.
    """

    reach = 0  # nothing is trimmed: the output is 388² as there
    needs_indices = False

    def __init__(self, in_channels: int, out_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(in_channels, out_channels, 3, (stride[0], stride[1]))

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """Without the last row and column, which are beyond twice the size."""
        return F.relu(self.convolution(features)[..., :-1, :-1])


def network() -> nn.Module:
    """The paper's network, 572² to 388², with Keras's initial weights."""
    built = build_unet(
        in_channels=1,
        classes=2,
        depth=4,
        base_channels=64,
        max_channels=1024,
        convolution="valid",
        norm="none",
        dropout=0.5,
        upsample=Up,
        fusion=Concat,
    )
    for layer in built.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return built


@dataclass(frozen=True)
class Section:
    """A section as in its file, (512, 512), and as the network takes it."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """(1, 572, 572) and (2, 572, 572)."""
        return shrink(self.image), shrink_label(self.mask)


def batches(sections: Sequence[Section], random: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Without end: augmented images (8, 1, 572, 572) and labels (8, 2, 388, 388), from shuffled passes."""
    prepared = [section.tensors() for section in sections]
    waiting: list[int] = []
    while True:
        while len(waiting) < BATCH:
            waiting += random.permutation(len(prepared)).tolist()
        drawn = [augment(*prepared[k], random) for k in waiting[:BATCH]]
        del waiting[:BATCH]
        yield torch.stack([image for image, _ in drawn]), torch.stack([central(label) for _, label in drawn])


def train(
    model: nn.Module, sections: Sequence[Section], steps: int, at_once: int, device: torch.device
) -> Iterator[float]:
    """The loss of each step. at_once: images that are in memory at a time; the gradient is that of all 8 in any case,
    as no layer mixes images.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, eps=1e-7, weight_decay=DECAY)
    model.train()
    for _, (images, labels) in zip(range(steps), batches(sections, np.random.default_rng(0)), strict=False):
        optimizer.zero_grad()
        total = 0.0
        for few, their in zip(torch.split(images, at_once), torch.split(labels, at_once), strict=True):
            loss = loss_of(model(few.to(device)), their.to(device)) * len(few) / BATCH
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        optimizer.step()
        yield total


def score(model: nn.Module, sections: Sequence[Section], device: torch.device) -> tuple[float, float]:
    """Soft Dice of both classes at 388², and the Dice of the cells as decided at the size of the files; means over
    images.
    """
    soft, hard = [], []
    model.eval()
    with torch.inference_mode():
        for section in sections:
            image, label = section.tensors()
            probabilities = model(image[None].to(device)).softmax(1).cpu()
            soft.append(float(soft_dice(probabilities, central(label)[None]).mean()))
            predicted = resized(probabilities[0, 1], section.mask.shape[0]) >= 0.5
            hard.append(hard_dice(predicted.numpy().astype(np.uint8), section.mask))
    return fmean(soft), fmean(hard)


def main() -> None:
    """Train a fold and print both scores."""
    rules = ArgumentParser(prog="python -m experiments.race.nvidia_isbi", description=__doc__)
    rules.add_argument("--steps", type=int, default=6400, help="of 8 images; 6400 are the protocol")
    rules.add_argument("--fold", type=int, default=0, choices=range(FOLDS))
    rules.add_argument("--folds", default="overlapping", choices=("overlapping", "true"))
    rules.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    rules.add_argument("--at-once", type=int, default=BATCH, help="images in memory at a time; the result is the same")
    typed = rules.parse_args()
    device = choose_device("gpu" if typed.device == "cuda" else typed.device)
    dataset = SETS["isbi2012"].dataset()
    samples = [dataset.read(record) for record in dataset.records]
    sections = [Section(sample.image[..., 0], sample.mask) for sample in samples]
    divide: Callable[..., Any] = partial(overlapping_fold if typed.folds == "overlapping" else true_fold, len(sections))
    training, held_out = divide(typed.fold)
    torch.manual_seed(0)
    model = network().to(device)
    began = perf_counter()
    for step, loss in enumerate(train(model, [sections[k] for k in training], typed.steps, typed.at_once, device), 1):
        if step == typed.steps or step % max(1, typed.steps // 20) == 0:
            print(f"step {step}: loss {loss:.4f}, {perf_counter() - began:.0f} s", flush=True)
    soft, hard = score(model, [sections[k] for k in held_out], device)
    print(f"{typed.folds} fold {typed.fold}, held out {held_out}, {typed.steps} steps of {BATCH}:")
    print(f"soft Dice of both classes at {SHRUNK}² {soft:.4f}; Dice of the cells at the files' size {hard:.4f}")


if __name__ == "__main__":
    main()
