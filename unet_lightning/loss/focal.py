"""Focal loss: L = -sum w(x) (1 - p_l(x))^gamma log p_l(x) / sum w(x).

Lin et al., ICCV 2017, doi:10.1109/ICCV.2017.324; p_l(x) is the softmax probability of the labelled class at pixel x.
"""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss.reduce import mask_ignored, weighted_mean


class Focal(nn.Module):
    """Cross entropy with less weight on easy pixels, those already classified well; gamma = 0 is cross entropy."""

    def __init__(self, gamma: Annotated[float, Ge(0)]) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32; 0 when every weight is 0."""
        logits, mask = mask_ignored(logits, mask, weight)
        entropy = F.cross_entropy(logits, mask, reduction="none")
        missed = -(-entropy).expm1()  # 1 - p without the cancellation near p = 1
        return weighted_mean(missed.clamp_min(1e-12) ** self.gamma * entropy, weight)
