"""Where training starts from: weights of another run, parts that keep theirs, and the rate of what was taken over."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unet_lightning.config.plain import flat
from unet_lightning.error import InputError, counted, shown
from unet_lightning.model.network import Network
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY, network_tensors, read_checkpoint

log = logging.getLogger(__name__)


def take_over(network: Network, checkpoint: str, config: Mapping[str, Any]) -> list[nn.Parameter]:
    """Give a network the tensors of a checkpoint that fit it by name and shape; the parameters among them.

    Weights for colour images fit gray ones, and the other way round, as `for_channels` says. The other tensors keep
    what they were drawn as, and are said. Nothing in the file is run. InputError where it isn't a checkpoint, or none
    of its parameters fits.
    """
    path = Path(checkpoint).expanduser()
    content = read_checkpoint(path)
    found, own = network_tensors(path, content.get("state_dict")), network.state_dict()
    candidates = {name: for_channels(tensor, own[name].shape) for name, tensor in found.items() if name in own}
    fitting = {name: tensor for name, tensor in candidates.items() if own[name].shape == tensor.shape}
    taken = [parameter for name, parameter in network.named_parameters() if name in fitting]
    before = content[CHECKPOINT_KEY]["config"]
    if not any(parameter.ndim > 1 for parameter in taken):  # a bias fits by chance
        raise InputError(f"init={shown(path)}: none of its weights fits this network; {_other_network(before, config)}")
    network.load_state_dict(fitting, strict=False)
    anew = [f"{name} {_shape(found, name)} there, {_shape(own, name)} here" for name in own if name not in fitting]
    log.info(
        f"init      {len(fitting)} of {counted(len(own), 'tensor')} taken over from {path}"
        + (f"; begun anew: {'; '.join(anew[:8])}{' …' if len(anew) > 8 else ''}" if anew else "")
    )
    if before["normalize"] != config["normalize"]:
        log.warning(
            f"init: {path} was trained with normalize={before['normalize'].get('_target_', '')}, this run has another, "
            "so that it sees other values than it learned from"
        )
    return taken


def for_channels(weight: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A weight (O, C, kh, kw) of a convolution for images of three channels as one for gray images, of `shape`, or the
    other way round; any other as it is.

    A gray image counts as a colour one of three equal channels, for which the outputs stay what they were.
    """
    colour = torch.Size([*weight.shape[:1], 3, *weight.shape[2:]])
    gray = torch.Size([*weight.shape[:1], 1, *weight.shape[2:]])
    if (weight.shape, tuple(shape)) == (colour, tuple(gray)):
        return weight.sum(1, keepdim=True)
    if (weight.shape, tuple(shape)) == (gray, tuple(colour)):
        return (weight / 3).expand(colour).clone()
    return weight


def _shape(tensors: Mapping[str, torch.Tensor], name: str) -> str:
    return "x".join(map(str, tensors[name].shape)) or "1" if name in tensors else "none"


def _other_network(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What to type for a network such as that of the checkpoint."""
    there, here = flat(before["model"], "model"), flat(now["model"], "model")
    other = [f"{key}={shown(value)}" for key, value in there.items() if here.get(key) != value]
    return f"its own is {' '.join(other[:12])}" if other else "it has other names"


def freeze(
    network: nn.Module, parts: str | Sequence[str], taken: Sequence[nn.Parameter] | None = None
) -> list[nn.Module]:
    """Let the parameters of parts as they are, by the parts' names; the modules that must stay in evaluation mode.

    taken: those that were taken over, where some were; others in the parts are trained, for they have learned nothing,
    and so are the statistics of batch norms beside them. InputError for a part that isn't there or of which nothing was
    taken over, and where nothing is left to train.
    """
    found: list[nn.Module] = []
    for part in [parts] if isinstance(parts, str) else parts:
        named = [module for name, module in network.named_modules() if f".{name}".endswith(f".{part}")]
        if not named:
            names = [name for name, _ in network.named_modules() if name and name.count(".") < 2]
            raise InputError(f"freeze={shown(part)}: the network has no such part; it has {', '.join(names[:40])}")
        found += named[:1]  # the outermost
        known = None if taken is None else set(map(id, taken))
        own = list(named[0].parameters())
        kept = [parameter for parameter in own if known is None or id(parameter) in known]
        if own and not kept:
            raise InputError(f"freeze={shown(part)}: none of its weights was taken over by init=…; leave it out of it")
        for parameter in kept:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"freeze={shown(parts)}: nothing is left to train; leave a part out of it")
    return [module for part in found for module in part.modules() if not _learns(module)]


def _learns(module: nn.Module) -> bool:
    """Whether a parameter of a module, its parts included, is trained."""
    return any(parameter.requires_grad for parameter in module.parameters())


def lowered(
    make: Callable[..., torch.optim.Optimizer], taken: Sequence[nn.Parameter], factor: float
) -> Callable[..., torch.optim.Optimizer]:
    """A function of parameters to an optimizer, in which those taken over have `factor` times the learning rate."""
    if factor == 1 or not taken:
        return make
    known = set(map(id, taken))

    def made(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        every = list(parameters)
        groups = [[p for p in every if (id(p) in known) is old] for old in (False, True)]
        optimizer = make([{"params": group} for group in groups if group])
        optimizer.param_groups[-1]["lr"] *= factor
        return optimizer

    return made
