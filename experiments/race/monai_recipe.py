"""A recipe of plain MONAI, as its tutorials put the parts together: BasicUNet, DiceCE, AdamW, sliding window.

Nothing of unet_lightning is used here. What goes beyond the tutorials helps MONAI: the learning rate falls along half a
cosine over the time, and validations take a tenth of it.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader, Dataset
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric
from monai.networks.nets import BasicUNet
from monai.networks.utils import one_hot
from monai.transforms import (
    Compose,
    EnsureTyped,
    NormalizeIntensityd,
    Rand2DElasticd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropSamplesd,
    SpatialPadd,
)
from monai.utils import set_determinism
from numpy.typing import NDArray

Items = list[dict[str, NDArray[Any]]]  # image (C, H, W) float32, label (1, H, W) uint8
KEYS = ("image", "label")
PIXELS = 16 * 128**2  # of a batch
CROPS = 4  # of a picture in a batch
VALIDATING = 0.1  # share of the time
VALIDATIONS = 40  # at most


@dataclass(frozen=True)
class Task:
    """What is to be learnt. void: whether the labels have one class more, which is never predicted. upright: whether
    the pictures have an up and a down.
    """

    channels: int
    classes: int
    void: bool
    crop: int
    upright: bool


@dataclass(frozen=True)
class Point:
    """A validation: seconds and steps until then, and the predicted class ids (H, W) of each picture."""

    seconds: float
    step: int
    predicted: list[NDArray[np.uint8]]


def training_transforms(task: Task) -> Compose:
    """Normalised pictures to augmented crops; what is before the first random transform is cached."""
    crop = (task.crop, task.crop)
    binary = RandCropByPosNegLabeld(KEYS, label_key="label", spatial_size=crop, pos=1, neg=1, num_samples=CROPS)
    anywhere = RandSpatialCropSamplesd(KEYS, roi_size=crop, num_samples=CROPS, random_size=False)
    return Compose(
        [
            *fixed_transforms(),
            SpatialPadd(KEYS, spatial_size=crop),
            binary if task.classes == 2 else anywhere,
            *([] if task.upright else [RandFlipd(KEYS, prob=0.5, spatial_axis=0)]),
            RandFlipd(KEYS, prob=0.5, spatial_axis=1),
            Rand2DElasticd(
                KEYS,
                spacing=(40, 40),
                magnitude_range=(1, 5),
                prob=0.8,
                rotate_range=pi / 18 if task.upright else pi,
                scale_range=(0.2, 0.2),
                mode=("bilinear", "nearest"),
                padding_mode="reflection",
            ),
            RandScaleIntensityd("image", factors=0.1, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
        ]
    )


def fixed_transforms() -> list[Any]:
    """Every picture to mean 0 and deviation 1 of each channel."""
    return [EnsureTyped(KEYS), NormalizeIntensityd("image", channel_wise=True)]


def prepared(items: Items) -> Dataset:
    """Whole pictures, normalised."""
    return CacheDataset(items, Compose(fixed_transforms()), progress=False)


def train(
    task: Task, train: Items, val: Items, seconds: float, clock: Callable[[], float], seed: int
) -> tuple[BasicUNet, list[Point]]:
    """The network with the best Dice of the validation pictures, after `seconds` of the clock, and all validations."""
    set_determinism(seed)
    dataset = CacheDataset(train, training_transforms(task), progress=False)
    batch_size = max(1, PIXELS // (CROPS * task.crop**2))  # pictures
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=0)
    pictures = prepared(val)
    network = BasicUNet(spatial_dims=2, in_channels=task.channels, out_channels=task.classes + task.void)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-5)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    points: list[Point] = []
    best, best_weights = -1.0, network.state_dict()
    step, lasted, following = 0, 0.0, seconds / VALIDATIONS
    while clock() + lasted < seconds:
        for batch in loader:
            network.train()
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 + cos(pi * min(1.0, clock() / seconds))) / 2
            image = batch["image"].as_tensor()
            loss = loss_function(network(image), batch["label"].as_tensor())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            over = clock() + lasted >= seconds
            if over or clock() >= following:
                began = clock()
                predicted = predict(network, task, pictures)
                score = mean_dice(task, predicted, pictures)
                if score > best:
                    best, best_weights = score, deepcopy(network.state_dict())
                points.append(Point(clock(), step, predicted))
                lasted = clock() - began
                following = clock() + max(seconds / VALIDATIONS, lasted * (1 - VALIDATING) / VALIDATING)
            if over:
                break
    network.load_state_dict(best_weights)
    return network, points


def predict(network: BasicUNet, task: Task, pictures: Dataset) -> list[NDArray[np.uint8]]:
    """Class ids (H, W) of every picture."""
    network.eval()
    found = []
    with torch.inference_mode():
        for batch in DataLoader(pictures, batch_size=1, num_workers=0):
            logits = sliding_window_inference(batch["image"].as_tensor(), (task.crop, task.crop), 4, network)
            found.append(logits[0, : task.classes].argmax(0).numpy().astype(np.uint8))
    return found


def mean_dice(task: Task, predicted: Sequence[NDArray[np.uint8]], pictures: Dataset) -> float:
    """Mean over pictures of the Dice of the classes; of two the foreground's alone."""
    metric = DiceMetric(include_background=task.classes > 2)
    total = task.classes + task.void
    for classes, batch in zip(predicted, DataLoader(pictures, batch_size=1, num_workers=0), strict=True):
        label = batch["label"].as_tensor()
        ids = torch.from_numpy(classes)[None, None]
        metric(*(one_hot(one, total)[:, : task.classes] for one in (ids, label)))
    return float(metric.aggregate())
