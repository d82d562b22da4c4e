"""The contracting path of nnU-Net's networks: strided convolutions in place of pooling."""

from collections.abc import Sequence

from torch import Tensor, nn


class StridedEncoder(nn.Module):
    """The contracting path: stages, each of which begins with its stride."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor], list[None]]:
        """Image (B, C, *sides) to the features (B, F, *(sides / divisors)) of the coarsest stage, and the skips.

        Skips: the features of the other stages from fine to coarse. Last comes None for each of them, in the place of
        pooling indices.
        """
        features, found = image, []
        for stage in self.stages:
            features = stage(features)  # (B, F, *(sides / stride))
            found.append(features)
        return features, found[:-1], [None] * (len(found) - 1)
