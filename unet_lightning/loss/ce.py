"""Cross entropy: E = -sum w(x) log p_l(x) / sum w(x), p_l(x) the softmax probability of the labelled class at pixel x.

Ronneberger et al., MICCAI 2015, eq. (1), doi:10.1007/978-3-319-24574-4_28; here divided by the sum of the weights.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss.reduce import mask_ignored, weighted_mean


class CrossEntropy(nn.Module):
    """Weighted mean of -log p of the labelled class (natural logarithm)."""

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32; 0 when every weight is 0."""
        logits, mask = mask_ignored(logits, mask, weight)
        return weighted_mean(F.cross_entropy(logits, mask, reduction="none"), weight)
