"""Images and labels as arrays, as a program has them."""

import numpy as np

SIDE = 64


def cells(number, channels=None):
    """Images (N, H, W) or (N, H, W, C) uint8, masks (N, H, W) uint8 and instances (N, H, W) int32: bright discs."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((SIDE, SIDE))
    instances = np.zeros((number, SIDE, SIDE), np.int32)
    for labelled in instances:
        for k in range(1, 5):
            row, column = random.integers(8, SIDE - 8, 2)
            labelled[(rows - row) ** 2 + (columns - column) ** 2 < 49] = k
    images = np.where(instances > 0, 160, 60) + random.normal(0, 12, instances.shape)
    images = images.clip(0, 255).astype(np.uint8)
    if channels:
        images = np.repeat(images[..., None], channels, 3)
    return images, (instances > 0).astype(np.uint8), instances
