"""Whole images, for validation and test."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from unet_lightning.normalize.base import normalize_image
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.record import Record


class ImageDataset(Dataset[dict[str, Any]]):
    """Whole images: image normalised (C, H, W) float32, mask (H, W) int64, valid (H, W) bool, instances (H, W) int32 or
    None, index (position in the split) and id.
    """

    def __init__(self, records: Sequence[Record], store: Store) -> None:
        self.records, self.store = list(records), store

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int | None) -> Any:
        if index is None:  # the share of another process is larger by one
            return None
        record = self.records[index]
        sample, numbers = self.store[record], self.store.affine(record)
        return {
            "image": normalize_image(self.store.normalize.prepare(sample.image, numbers), *numbers),
            "mask": torch.from_numpy(sample.mask.astype(np.int64)),
            "valid": torch.tensor(sample.valid),
            "instances": None if sample.instances is None else torch.tensor(sample.instances),
            "index": index,
            "id": record.id,
        }
