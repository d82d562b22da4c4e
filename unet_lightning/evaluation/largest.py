"""Whether only the largest component is kept, decided as nnU-Net decides it: by what each step gains out of fold.

First on all foreground as one, if the mean over classes rises and no class falls; then, of several classes, for each by
itself on that result, if that class rises. Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.metric.instance import nan_mean


def steps(classes: int) -> list[dict[str, Any]]:
    """Config nodes whose scores decide: nothing and the foreground as one, each alone and followed by each class."""
    single: list[list[int]] = [[kind] for kind in range(1, classes)] if classes > 2 else []
    return [_node(merged, kinds) for kinds in ([], *single) for merged in (False, True)]


def decided(means: NDArray[np.float64]) -> tuple[dict[str, Any], NDArray[np.float64]] | None:
    """The node that is kept and its scores by class, (C,); None where nothing is gained.

    means: (M, C), scores of the nodes of `steps` by class. Leaving out components of a class changes its own score
    alone, so that the classes are decided independently.
    """
    before, after = means[0], means[1]
    merged = bool(nan_mean(after) > nan_mean(before)) and not (after < before).any()
    scores = means[int(merged)].copy()
    kept = []
    for kind in range(1, len(means) // 2):
        alone = means[2 * kind + int(merged), kind - 1]
        if alone > scores[kind - 1]:
            kept.append(kind)
            scores[kind - 1] = alone
    return (_node(merged, kept), scores) if merged or kept else None


def _node(merged: bool, kinds: list[int]) -> dict[str, Any]:
    target = "unet_lightning.postprocess.largest.Largest"
    return {"_target_": target, "merged": merged, "classes": kinds, "ridge": 0, "masks": True}
