import sys
from types import SimpleNamespace

import pytest
import torch

from unet_lightning.runtime import accelerator, device


def built(cuda=None, hip=None, available=False, computes=True):
    """torch as a machine may have it: what its build is for, whether it sees a GPU, and whether the GPU computes."""

    def ones(*sides, device):
        if not computes:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")
        return torch.ones(*sides)

    return SimpleNamespace(
        __version__="2.13.0",
        version=SimpleNamespace(cuda=cuda, hip=hip),
        ones=ones,
        cuda=SimpleNamespace(
            is_available=lambda: available,
            device_count=lambda: 1,
            get_device_name=lambda number: "Card",
            get_device_capability=lambda number: (9, 0),
            mem_get_info=lambda number: (3 << 30, 4 << 30),
        ),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False)),
    )


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A machine with a driver of NVIDIA that hides nothing."""
    monkeypatch.setattr(accelerator, "DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_machine_without_gpu_and_driver_is_no_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "DRIVER", tmp_path / "absent")
    (found,) = accelerator.gpus(built(), "auto")
    assert (found.value, found.problem) == ("none; the processor trains", "")


def test_a_driver_beside_a_build_without_cuda_is_told(driver):
    (found,) = accelerator.gpus(built(), "auto")
    assert "built without CUDA" in found.problem
    assert "pytorch.org" in found.remedy
    assert not found.stops


def test_a_driver_that_torch_cannot_use_is_told(driver):
    (found,) = accelerator.gpus(built(cuda="12.8"), "auto")
    assert "CUDA 12.8, can't use it" in found.problem
    assert found.remedy.startswith("nvidia-smi")


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_gpus_are_told(driver, monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    (found,) = accelerator.gpus(built(cuda="12.8"), "auto")
    assert (found.problem, found.remedy) == ("CUDA_VISIBLE_DEVICES hides every GPU", "unset CUDA_VISIBLE_DEVICES")


def test_a_gpu_is_named_with_its_memory(driver):
    (found,) = accelerator.gpus(built(cuda="12.8", available=True), "auto")
    assert (found.name, found.problem) == ("gpu 0", "")
    assert found.value == "Card, compute capability 9.0, 4.0 GiB, 3.0 free"


def test_a_gpu_without_kernels_stops(driver):
    (found,) = accelerator.gpus(built(cuda="12.8", available=True, computes=False), "auto")
    assert found.stops
    assert "no kernel image is available for execution on the device" in found.problem
    assert "more" not in found.problem
    assert "trainer.accelerator=cpu" in found.remedy
    (found,) = accelerator.gpus(built(cuda="12.8", available=True, computes=False), "cpu")
    assert found.problem
    assert not found.stops


def test_a_broken_torch_stops_and_nothing_that_needs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(accelerator, "installed", lambda name: "2.13.0+cpu")
    (found,) = accelerator.accelerators("auto")
    assert (found.name, found.stops) == ("torch", True)
    assert found.remedy == "pip install --force-reinstall --no-deps torch==2.13.0"


@pytest.mark.parametrize(
    ("bf16", "expected"), [(True, "bf16-mixed: bf16, which this hardware"), (False, "32-true: float32")]
)
def test_the_precision_is_that_of_a_training(monkeypatch, bf16, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    found = accelerator.precision("cpu")
    assert expected in found.value
    assert not found.problem


def test_a_gpu_that_is_asked_for_and_absent_stops(monkeypatch):
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device.torch.backends.mps, "is_available", lambda: False)
    found = accelerator.precision("gpu")
    assert found.stops
    assert "trainer.accelerator=gpu: this machine has none" in found.problem
    assert found.remedy == "trainer.accelerator=cpu"
