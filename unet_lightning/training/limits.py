"""What only the data can tell about a config: values that leave nothing to learn from, or no step."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

from unet_lightning.error import InputError
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.sampler import crops_of_each


def check_limits(config: Mapping[str, Any], data: DataModule) -> None:
    """InputError for a ridge that leaves nothing of any object, or steps of more batches than the run has."""
    ridge, largest = config["data"]["ridge"], data.statistics.objects[3]  # the largest object's area in pixels
    if largest and ridge >= max(2, sqrt(largest)):
        raise InputError(
            f"data.ridge={ridge}: the largest object is {largest} pixels, about {sqrt(largest):.0f} wide, and a ridge "
            "of that width leaves nothing of two that touch; set data.ridge=1"
        )
    images, sampling, trainer = data.statistics.images, data.sampling, config["trainer"]
    every_image = max(1, images * crops_of_each(images, sampling) // sampling.batch_size)  # as of EpochSampler
    batches = sampling.steps or every_image
    wanted = trainer.get("accumulate_grad_batches", 1)
    if wanted > batches:
        raise InputError(
            f"trainer.accumulate_grad_batches={wanted}: an epoch has {batches} batches, and gradients aren't "
            f"accumulated beyond its end; set trainer.accumulate_grad_batches to {batches} at most"
        )
