"""Batch norm over the batch of all processes, on processors."""

import torch
from lightning.pytorch.plugins.layer_sync import TorchSyncBatchNorm
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.nn.functional import all_reduce

from unet_lightning.runtime.distributed import this_process


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """PyTorch's SyncBatchNorm for CPUs. Every process must have the same number of pixels."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape and dtype."""
        if not self.training or this_process().count == 1:
            return super().forward(features)
        values = features.float()
        number = this_process().count * values.numel() // values.shape[1]
        mean = _total(values.sum((0, 2, 3))) / number
        centred = values - mean[:, None, None]
        variance = _total(centred.square().sum((0, 2, 3))) / number
        self._remember(mean.detach(), variance.detach() * number / (number - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normalised.to(features.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        for buffer, now in ((self.running_mean, mean), (self.running_var, variance)):
            assert buffer is not None
            buffer.lerp_(now, self.momentum or 0.0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


def _total(values: Tensor) -> Tensor:
    """The sum over all processes; its gradient is summed over them as well."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total


def convert_sync_batch_norm(module: nn.Module) -> nn.Module:
    """A module with each of its batch norms exchanged; parameters and buffers are the same objects as before."""
    if isinstance(module, nn.BatchNorm2d):
        with torch.device("meta"):
            exchanged = CpuSyncBatchNorm(module.num_features, module.eps, module.momentum)
        exchanged._parameters, exchanged._buffers = module._parameters, module._buffers
        return exchanged.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, convert_sync_batch_norm(child))
    return module


class SyncBatchNormPlugin(TorchSyncBatchNorm):
    """`trainer.sync_batchnorm=true`: PyTorch's on GPUs, ours on processors, which PyTorch's refuses."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Before DDP wraps the module."""
        return super().apply(model) if "nccl" in dist.get_backend() else convert_sync_batch_norm(model)
