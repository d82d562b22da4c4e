"""Fixed validation images in TensorBoard: input, label, prediction, error."""

from typing import Annotated, Any

import lightning as L
import numpy as np
from annotated_types import Ge
from lightning.pytorch.loggers import TensorBoardLogger

from unet_lightning.page.picture import panel


class Panels(L.Callback):
    """Logs panels of `images` validation images, spread over the split, at every `every`-th validation and the last."""

    def __init__(self, images: Annotated[int, Ge(0)], every: Annotated[int, Ge(1)]) -> None:
        self.images, self.every = images, every
        self.validations = 0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from a checkpoint."""
        self.validations = state_dict["validations"]

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Predict and log."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        self.validations += 1
        left_out = trainer.training and (self.validations - 1) % self.every
        if left_out or not isinstance(trainer.logger, TensorBoardLogger):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        task: Any = pl_module
        images = data.images("val")
        for index in sorted(set(np.linspace(0, len(images) - 1, self.images).astype(int).tolist())):
            sample = images[index]
            with trainer.precision_plugin.forward_context():
                outputs = task.predict(sample["image"].to(pl_module.device))
            native = data.store[images.records[index]]
            predicted = task.inference.classes(outputs)
            picture = panel(native.image, native.mask, predicted, native.valid, data.dataset.colors)
            tag = f"validation/{index} {sample['id']}: input, label, prediction, error"
            trainer.logger.experiment.add_image(tag, picture, trainer.global_step, dataformats="HWC")
