"""Which sizes a network takes, and how far its outputs see: found by running it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unet_lightning.error import InputError
from unet_lightning.model.measured_geometry import MeasuredGeometry
from unet_lightning.tiling.grid import round_up

LARGEST = 128  # multiple of pixels that is tried
LENGTHS = (512, 2048)  # of the strips on which the reach is looked for, in pixels
TOLERANCE = 1e-11  # of a difference, as a share of the outputs' range in float64


@dataclass(frozen=True)
class Probe:
    """A network in evaluation mode and float64, and the images it is shown: (1, channels, height, width)."""

    run: Callable[[Tensor], Tensor]
    channels: int

    def image(self, height: int, width: int) -> Tensor:
        """Noise, always the same."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(1, self.channels, height, width, generator=generator, dtype=torch.float64)

    def takes(self, height: int, width: int) -> bool:
        """Whether it gives an output of this size for an image of it."""
        try:
            return tuple(self.run(self.image(height, width)).shape[2:]) == (height, width)
        except Exception:  # of whatever kind its package raises for a size
            return False


@torch.no_grad()
def measure(network: nn.Module, channels: int, logits: Callable[[Any], Tensor]) -> MeasuredGeometry:
    """The geometry of a network that gives logits (B, K, h, w) of images (B, channels, h, w).

    logits: takes them out of what the network gives. The network itself, and torch's random numbers, stay as they are.
    InputError where it takes no size that was tried, or gives outputs of another size.
    """
    copy = deepcopy(network).double().eval()
    _strengthen(copy)
    probe = Probe(lambda image: logits(copy(image)), channels)
    multiple = next((n for n in _powers(1) if probe.takes(LARGEST, 2 * LARGEST + n)), None)
    if multiple is None:
        raise InputError(f"{_refusal(probe)}; expected outputs of the size of its images, at sides in multiples of 128")
    height = round_up(64, multiple)
    context = max(
        (_context(probe, height, side) for side in range(4)), key=lambda reach: float("inf") if reach is None else reach
    )
    aligned = (
        None if context is None else next((n for n in _powers(multiple) if _shifts(probe, height, n, context)), None)
    )
    smallest = next((n for n in _powers(multiple) if probe.takes(n, n)), LARGEST)
    features = _features(copy, probe, height)
    if context is None or aligned is None:
        return MeasuredGeometry(multiple, 0, False, smallest, features)
    return MeasuredGeometry(aligned, round_up(context, aligned), True, round_up(smallest, aligned), features)


def _strengthen(network: nn.Module) -> None:
    """Scale weights as He draws them: with others, what the deepest layers see is lost on the way to the output."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and module.weight.numel() > 1:
            inputs = module.weight[0].numel()
            module.weight.mul_((2 / inputs) ** 0.5 / module.weight.std().clamp_min(1e-12))


def _powers(first: int) -> list[int]:
    return [n for n in (1 << k for k in range(LARGEST.bit_length())) if n >= first]


def _refusal(probe: Probe) -> str:
    """What the network does with an image of the size that is most likely to fit."""
    side = 2 * LARGEST
    try:
        return f"it gives {tuple(probe.run(probe.image(side, side)).shape)} for {side}x{side} pixels"
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return f"it refuses images of {side}x{side} pixels ({type(error).__name__}: {reason})"


def _context(probe: Probe, height: int, turns: int) -> int | None:
    """How far beyond an aligned line NaN on its one side reach on the other; None if to the end of every strip.

    turns: quarter turns of the strip, so that all four directions are seen.
    """
    for length in LENGTHS:
        strip = probe.image(height, length)
        strip[..., : length // 2] = torch.nan
        found = torch.rot90(probe.run(torch.rot90(strip, turns, (2, 3))), -turns, (2, 3))
        reached = found.isnan().any(1).any(1)[0, length // 2 :]  # (length / 2,)
        if not reached[-1]:
            return int(reached.nonzero().max()) + 1 if reached.any() else 0
    return None


def _shifts(probe: Probe, height: int, shift: int, context: int) -> bool:
    """Whether the output of a shifted image is the shifted output, but for `context` pixels at its ends."""
    length = round_up(2 * context + 4 * shift + 64, LARGEST)
    strip = probe.image(height, length)
    whole, part = probe.run(strip)[..., shift:], probe.run(strip[..., shift:])
    inside = slice(context, length - shift - context)
    spread = float(whole.max() - whole.min())
    return float((whole - part)[..., inside].abs().max()) <= TOLERANCE * spread


def _features(network: nn.Module, probe: Probe, height: int) -> int:
    """The most values for a pixel that one layer gives."""
    found = [1.0]
    pixels = height * 2 * LARGEST

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.append(output.numel() / pixels)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    probe.run(probe.image(height, 2 * LARGEST))
    for hook in hooks:
        hook.remove()
    return int(max(found)) or 1
