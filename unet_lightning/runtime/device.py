"""Choose device and precision by what this machine offers."""

import torch
from torch import nn

from unet_lightning.error import InputError


def choose_precision(wanted: str, accelerator: str, network: nn.Module) -> str:
    """`auto` is bf16 autocast where CPU or GPU multiply bf16 in hardware, 16-mixed on other CUDA GPUs, else float32.

    On a CPU a network with instance norm gets float32, since instance norm is much slower there in bf16.
    """
    if wanted != "auto":
        return wanted
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator in ("auto", "cpu") and not torch.backends.mps.is_available():
        hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        slow = any(isinstance(module, nn.InstanceNorm2d | nn.InstanceNorm3d) for module in network.modules())
        return "bf16-mixed" if hardware and not slow else "32-true"
    return "32-true"


def choose_device(accelerator: str) -> torch.device:
    """The device of trainer.accelerator: auto, cpu, gpu or mps."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    if accelerator not in ("auto", "cpu"):
        raise InputError(f"trainer.accelerator={accelerator}: this machine has none; set trainer.accelerator=cpu")
    return torch.device("cpu")
