"""Networks of other packages, and your own: any module that gives logits of the size of its images."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.error import InputError, counted, shown
from unet_lightning.model.measure import measure
from unet_lightning.model.measured_geometry import MeasuredGeometry
from unet_lightning.model.network import Network

CHANNELS = ("in_channels", "in_chans", "input_channels", "n_channels")
CLASSES = ("out_channels", "classes", "num_classes", "n_classes", "out_chans", "output_channels", "num_labels")
WEIGHTS = ("weights", "weights_backbone")  # arguments by which torchvision fetches weights where none are given
Pixels = Annotated[int, Ge(0), Le(2**14)]
Multiple = Annotated[int, Ge(1), Le(2**12)]


class Adapted(Network):
    """A network whose outputs have the size of its images, padded to sides it takes.

    output: the key of the logits where it gives a mapping; None for a tensor, or the first of a list. geometry: None
    until a checkpoint's is put in its place.
    """

    def __init__(self, network: nn.Module, output: str | None, geometry: MeasuredGeometry | None) -> None:
        super().__init__()
        self.network, self.output, self.geometry = network, output, geometry

    @property
    def features(self) -> int:
        """Values it holds for a pixel, at most."""
        return int(self.geometry.features)

    def unpadded(self, image: Tensor) -> Tensor:
        """Logits of images whose sides it takes."""
        return logits_of(self.network(image), self.output)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, K, h, w) of images (B, C, h, w)."""
        height, width = image.shape[2:]
        bottom, right = (a - b for a, b in zip(self.geometry.fit((height, width)), (height, width), strict=True))
        padded = F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image
        return self.unpadded(padded)[..., :height, :width]

    def logits_by_level(self, image: Tensor) -> list[Tensor]:
        """Those of `forward`, alone."""
        return [self.forward(image)]

    def interior(self, image: Tensor) -> Tensor:
        """Logits (B, K, h - 2 halo, w - 2 halo)."""
        halo, (height, width) = self.geometry.halo, image.shape[2:]
        return self.forward(image)[..., halo : height - halo, halo : width - halo]


def adapt(
    in_channels: int,
    classes: int,
    network: Callable[..., nn.Module],
    in_channels_as: str | None,
    classes_as: str | None,
    pretrained: Mapping[str, Any],
    output: str | None,
    multiple: Multiple | None,
    halo: Pixels | None,
    blend: bool | None,
) -> Adapted:
    """Build a network of any package, and measure what it doesn't say of itself.

    network: function that builds it. in_channels_as, classes_as: its arguments for both; None takes the usual names.
    pretrained: further arguments, by which it fetches weights; None is given instead where a checkpoint's weights
    follow, and for those of WEIGHTS that aren't given. output: see Adapted. multiple, halo, blend: as in
    MeasuredGeometry, declared; None is measured. InputError where it can't be built, or isn't such a
    network.
    """
    loading = torch.empty(0).device.type == "meta"  # the weights, and the geometry, come from a checkpoint
    unasked = [name for name in WEIGHTS if _named(network, [name])]
    arguments = dict.fromkeys([*unasked, *pretrained]) if loading else dict.fromkeys(unasked) | dict(pretrained)
    for kind, name, usual, number in (
        ("in_channels", in_channels_as, CHANNELS, in_channels),
        ("classes", classes_as, CLASSES, classes),
    ):
        found = name or _named(network, usual)
        if found:
            arguments[found] = number
        elif kind == "classes" or number != 3:
            raise InputError(
                f"model.network: {_name(network)} has no argument {' or '.join(usual[:3])}, and {_wanted(kind, number)}"
            )
    with torch.device("cpu"):  # buffers that no checkpoint holds are made here
        made = _build(network, arguments, pretrained)
    if loading:
        return Adapted(made, output, None)
    geometry = _geometry(made, in_channels, classes, output, (multiple, halo, blend))
    return Adapted(made, output, geometry)


def logits_of(found: Any, output: str | None) -> Tensor:
    """The logits (B, K, h, w) among what a network gives; InputError where there are none."""
    if output is not None and isinstance(found, Mapping) and output in found:
        found = found[output]
    elif isinstance(found, Mapping) and len(found) == 1 and output is None:
        found = next(iter(found.values()))
    elif isinstance(found, Sequence) and output is None and len(found):
        found = found[0]
    if isinstance(found, Tensor) and found.ndim == 4:
        return found
    came = f"a mapping of {', '.join(map(str, found))}" if isinstance(found, Mapping) else f"a {type(found).__name__}"
    raise InputError(f"model.output={output}: the network gives {came}; expected logits (B, K, h, w), or their key")


def _geometry(
    network: nn.Module,
    channels: int,
    classes: int,
    output: str | None,
    declared: tuple[int | None, int | None, bool | None],
) -> MeasuredGeometry:
    multiple, halo, blend = declared
    try:
        found = measure(network, channels, lambda given: _checked(logits_of(given, output), classes))
    except InputError as error:
        raise InputError(
            f"model.network: {error}; declare what it takes by model.multiple=… and model.halo=…"
        ) from None
    aligned = multiple or found.multiple
    exact = (found.exact or halo is not None) if blend is None else not blend
    context = (found.halo if halo is None else halo) if exact else 0
    smallest = -(-found.smallest // aligned) * aligned
    return MeasuredGeometry(aligned, -(-context // aligned) * aligned, exact, smallest, found.features)


def _checked(logits: Tensor, classes: int) -> Tensor:
    if logits.shape[1] != classes:
        raise InputError(f"it gives {counted(logits.shape[1], 'channel')} for {classes} classes; see model.classes_as")
    return logits


def _build(network: Callable[..., nn.Module], arguments: Mapping[str, Any], pretrained: Mapping[str, Any]) -> nn.Module:
    try:
        made = network(**arguments)
    except InputError:
        raise
    except Exception as error:  # of whatever kind its package raises
        reason = shown(" ".join(f"{type(error).__name__}: {error}".split()), 300)
        given = [f"++model.pretrained.{name}=null" for name, value in pretrained.items() if value is not None]
        remedy = f"where weights can't be fetched, set {' '.join(given)}" if given else "correct model.network.…"
        raise InputError(f"model.network: {_name(network)} can't be built ({reason}); {remedy}") from None
    if not isinstance(made, nn.Module):
        raise InputError(f"model.network: {_name(network)} gives a {type(made).__name__}; expected a torch.nn.Module")
    return made


def _named(network: Callable[..., nn.Module], usual: Sequence[str]) -> str | None:
    parameters = inspect.signature(network.func if isinstance(network, partial) else network).parameters
    given = network.keywords if isinstance(network, partial) else {}
    return next((name for name in usual if name in parameters and name not in given), None)


def _name(network: Callable[..., nn.Module]) -> str:
    return str(getattr(network.func if isinstance(network, partial) else network, "__name__", network))


def _wanted(kind: str, number: int) -> str:
    if kind == "classes":
        return f"{number} classes are wanted; name its own by model.classes_as=NAME"
    return (
        f"images have {counted(number, 'channel')}; name its own by model.in_channels_as=NAME, or set data.channels=3"
    )
