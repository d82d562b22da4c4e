"""Functions for Python that build the parts of a training by name, with the defaults of `conf/`.

`build_loss("focal", gamma=3.0)` is what `loss=focal loss.gamma=3.0` is on the command line. Without a name each builds
the default of `conf/train.yaml`. What a part holds is changed by a mapping (`warp={"elastic": 20}`), and a part within
it is chosen by its name (`upsample="bilinear"`). All raise InputError for names and keys that don't exist, and for
values of a wrong type or out of range.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from unet_lightning.augment.compose import Augment
from unet_lightning.config.part import build_part
from unet_lightning.model.network import Network
from unet_lightning.normalize.base import Normalize
from unet_lightning.postprocess.objects import Objects
from unet_lightning.target.base import Target
from unet_lightning.tta.flip_rotate import FlipRotate
from unet_lightning.weight.base import Weight


def build_network(name: str | None = None, *, in_channels: int, classes: int, **values: Any) -> Network:
    """A network of `conf/model/`: images (B, C, h, w) float32 to logits (B, K, h - 2 margin, w - 2 margin).

    in_channels: C, of an image. classes: K, background included. values: keys of the file, such as `base_channels=8`.
    """
    network: Network = build_part("model", name, values, in_channels=in_channels, classes=classes)
    return network


def build_loss(name: str | None = None, **values: Any) -> nn.Module:
    """A loss of `conf/loss/`: logits (B, K, h, w), mask (B, h, w) int64 and weight (B, h, w) float32 to a scalar."""
    loss: nn.Module = build_part("loss", name, values)
    return loss


def build_weight(name: str | None = None, **values: Any) -> Weight:
    """A weight of `conf/weight/`: mask (H, W) uint8 and instances (H, W) int32 to how much pixels count, float32."""
    weight: Weight = build_part("weight", name, values)
    return weight


def build_augment(name: str | None = None, **values: Any) -> Augment:
    """An augmentation of `conf/augment/`, of training crops and their labels together; lengths are in pixels."""
    augment: Augment = build_part("augment", name, values)
    return augment


def build_normalize(name: str | None = None, **values: Any) -> Normalize:
    """A normalisation of `conf/normalize/`: image (H, W, C) to shift and scale, (C,) float32 each."""
    normalize: Normalize = build_part("normalize", name, values)
    return normalize


def build_target(name: str | None = None, **values: Any) -> Target:
    """A target of `conf/target/`: what a network learns of mask and instances; `boundary` needs postprocess `rims`."""
    target: Target = build_part("target", name, values)
    return target


def build_postprocess(name: str | None = None, **values: Any) -> Objects:
    """A post-processing of `conf/postprocess/`: predicted ids (H, W) to classes and objects (H, W); sizes in pixels."""
    postprocess: Objects = build_part("postprocess", name, values)
    return postprocess


def build_tta(name: str | None = None, **values: Any) -> FlipRotate:
    """The views of `conf/tta/` of an image, rotated and mirrored, whose predictions are averaged."""
    views: FlipRotate = build_part("tta", name, values)
    return views


def build_optimizer(name: str | None = None, **values: Any) -> Callable[..., torch.optim.Optimizer]:
    """An optimizer of `conf/optimizer/`, as a function of the parameters."""
    optimizer: Callable[..., torch.optim.Optimizer] = build_part("optimizer", name, values)
    return optimizer


def build_schedule(name: str | None = None, **values: Any) -> Callable[..., Any]:
    """A learning-rate schedule of `conf/schedule/`, as a function of the optimizer and the number of all steps."""
    schedule: Callable[..., Any] = build_part("schedule", name, values)
    return schedule
