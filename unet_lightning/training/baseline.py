"""The scores of Otsu's threshold on the images of a split."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unet_lightning.evaluation.baseline import otsu
from unet_lightning.metric.semantic import confusion_matrix
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.record import Record


def otsu_confusions(data: DataModule, records: Sequence[Record]) -> Tensor:
    """(N, 2, 2) confusion matrices of Otsu's threshold on N images."""
    matrices = []
    for record in records:
        sample = data.store[record]
        prediction = torch.from_numpy(otsu(sample.image, sample.mask, sample.valid))
        mask, valid = torch.from_numpy(sample.mask.astype(np.int64)), torch.tensor(sample.valid)
        matrices.append(confusion_matrix(prediction, mask, valid, 2))
    return torch.stack(matrices)
