"""torch, the GPUs it sees, and the precision it would train in."""

import os
from pathlib import Path
from typing import Any

from unet_lightning.error import InputError, shown
from unet_lightning.runtime.finding import Finding
from unet_lightning.runtime.machine import installed

DRIVER = Path("/proc/driver/nvidia/version")  # of NVIDIA, on Linux
GUIDE = "choose the line for your CUDA at https://pytorch.org/get-started/locally and type it with --force-reinstall"
ON_CPU = "trainer.accelerator=cpu"


def accelerators(wanted: str) -> list[Finding]:
    """What trainer.accelerator=wanted finds here. torch is imported by it."""
    try:
        import torch
    except (ImportError, OSError) as error:  # a library that its build needs and that isn't there
        problem = f"it can't be imported: {shown(str(error).splitlines()[0], 200)}"
        version = installed("torch").partition("+")[0]
        again = f"pip install --force-reinstall --no-deps torch=={version}"
        return [Finding("torch", version, problem, again, stops=True)]
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    built = f"for ROCm {torch.version.hip}" if torch.version.hip else built
    return [Finding("torch", f"{torch.__version__}, built {built}"), *gpus(torch, wanted), precision(wanted)]


def gpus(torch: Any, wanted: str) -> list[Finding]:
    """Each GPU, whether it computes, or why torch sees none. wanted: trainer.accelerator."""
    if torch.cuda.is_available():
        return [_gpu(torch, number, needed=wanted != "cpu") for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return [Finding("gpu", "Apple's, by Metal")]
    if not DRIVER.exists():
        return [Finding("gpu", "none; the processor trains")]
    problem, remedy = "there is a driver of NVIDIA, and this torch is built without CUDA", GUIDE
    if torch.version.cuda:
        problem = f"there is a driver of NVIDIA, but torch, built for CUDA {torch.version.cuda}, can't use it"
        remedy = f"nvidia-smi, which names the newest CUDA of the driver; a newer driver, or {GUIDE}"
        if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
            problem, remedy = "CUDA_VISIBLE_DEVICES hides every GPU", "unset CUDA_VISIBLE_DEVICES"
    return [Finding("gpu", "none that torch sees; the processor trains", problem, remedy)]


def _gpu(torch: Any, number: int, needed: bool) -> Finding:
    """A GPU with its memory; whether torch's build holds kernels for it is found out by using one."""
    name, (major, minor) = torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number)
    value = f"{name}, compute capability {major}.{minor}"
    try:
        free, total = torch.cuda.mem_get_info(number)
        torch.ones(8, 8, device=f"cuda:{number}").square().sum().item()
    except RuntimeError as error:
        problem = f"it doesn't compute: {shown(str(error).splitlines()[0], 200)}"
        remedy = f"nvidia-smi, which shows whether another program fills it; {ON_CPU} trains without it; or {GUIDE}"
        return Finding(f"gpu {number}", value, problem, remedy, stops=needed)
    return Finding(f"gpu {number}", f"{value}, {total / 2**30:.1f} GiB, {free / 2**30:.1f} free")


def precision(wanted: str) -> Finding:
    """The device of trainer.accelerator=wanted, and what trainer.precision=auto is on it."""
    from torch import nn

    from unet_lightning.runtime.device import choose_device, choose_precision

    try:
        device = choose_device(wanted)
    except InputError as error:
        return Finding("precision", "unknown", str(error), ON_CPU, stops=True)
    chosen = choose_precision("auto", wanted, nn.Identity())
    reason = {
        "bf16-mixed": "bf16, which this hardware multiplies",
        "16-mixed": "float16, as this GPU has no bf16",
        "32-true": "float32, as nothing shorter is fast here",
    }[chosen]
    return Finding("precision", f"on {device.type} trainer.precision=auto is {chosen}: {reason}")
