"""The predicted classes of the test pictures, as the process of a rival hands them over."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PREDICTED = "test.npz"
Classes = Mapping[str, NDArray[np.uint8]]  # class ids (H, W) by the id of the picture


def write_predicted(folder: Path, predicted: Classes) -> None:
    """Write them into a folder."""
    arrays = {f"image{k}": classes for k, classes in enumerate(predicted.values())}
    np.savez_compressed(folder / PREDICTED, ids=list(predicted), **arrays)  # type: ignore[arg-type]


def read_predicted(folder: Path) -> Classes:
    """What `write_predicted` wrote."""
    with np.load(folder / PREDICTED) as found:
        return {str(name): found[f"image{k}"] for k, name in enumerate(found["ids"])}
