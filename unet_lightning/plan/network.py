"""A configuration of nnU-Net's as overrides: the network that the key `model` builds of it."""

from unet_lightning.plan.encoder import Encoder
from unet_lightning.plan.nnunet import Configuration

MODELS = {"plain": "nnunet", "residual": "residual"}  # by the encoder's name


def network_overrides(configuration: Configuration, encoder: Encoder) -> list[str]:
    """The overrides of `model`, as they are typed: which network, and the sizes of its stages."""
    topology, channels = configuration.topology, configuration.channels
    sizes = {
        "channels": list(channels),
        "kernels": [list(kernel) for kernel in topology.kernels],
        "strides": [list(stride) for stride in topology.strides],
        "blocks": list(encoder.blocks_of(len(channels))),
        "decoder_convolutions": encoder.decoder,
    }
    chosen = [f"model.stages.{name}={value}".replace(" ", "") for name, value in sizes.items()]
    return [f"model={MODELS[encoder.name]}", *chosen]
