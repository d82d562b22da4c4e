"""A configuration of nnU-Net's as choices: the network that the key `model` builds of it."""

from unet_lightning.plan.base import Choice
from unet_lightning.plan.encoder import Encoder
from unet_lightning.plan.rules import Configuration

MODELS = {"plain": "nnunet", "residual": "residual"}  # by the encoder's name


def network_choices(configuration: Configuration, encoder: Encoder) -> list[Choice]:
    """Which network, and the sizes of its stages."""
    topology, channels = configuration.topology, configuration.channels
    sizes = {
        "channels": (list(channels), "32, doubled at each stage, up to a limit"),
        "kernels": ([list(kernel) for kernel in topology.kernels], "3 along an axis as fine as the others, else 1"),
        "strides": ([list(stride) for stride in topology.strides], "an axis is halved while 8 pixels are left"),
        "blocks": (list(encoder.blocks_of(len(channels))), "of each stage of the encoder"),
        "decoder_convolutions": (encoder.decoder, "of each stage of the decoder"),
    }
    chosen = [Choice(f"model.stages.{name}", value, why) for name, (value, why) in sizes.items()]
    return [Choice("model", MODELS[encoder.name], f"the {encoder.name} encoder"), *chosen]
