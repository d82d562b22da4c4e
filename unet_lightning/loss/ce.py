"""Cross entropy: E = -sum w(x) log p_l(x) / sum w(x)."""

from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss.reduce import mask_ignored, weighted_mean


class CrossEntropy(nn.Module):
    """Weighted mean of -log p of the labelled class (natural logarithm)."""

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar float32."""
        logits, mask = mask_ignored(logits, mask, weight)
        return weighted_mean(F.cross_entropy(logits, mask, reduction="none"), weight)
