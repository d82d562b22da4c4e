"""Training samples in TensorBoard: augmented crops with their labels and weight maps."""

from typing import Annotated, Any

import lightning as L
import numpy as np
from annotated_types import Ge
from lightning.pytorch.loggers import TensorBoardLogger

from unet_lightning.page.picture import displayable, heat, labels_over

BEYOND = ((255, 255, 255),) * 256  # the colour of what is learned beside classes


class Samples(L.Callback):
    """Logs `crops` crops of the first epoch at the start of training: image, labels over it, weight map."""

    def __init__(self, crops: Annotated[int, Ge(0)]) -> None:
        self.crops = crops

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the crops."""
        if not isinstance(trainer.logger, TensorBoardLogger) or not trainer.is_global_zero or trainer.global_step:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        loader: Any = trainer.train_dataloader
        for (_, item), draw in zip(enumerate(loader.sampler), range(self.crops), strict=False):
            crop = loader.dataset[item]
            rim = data.margin
            image = crop["image"].numpy().transpose(1, 2, 0)
            picture = displayable(image[rim : image.shape[0] - rim, rim : image.shape[1] - rim])
            labelled = labels_over(picture, crop["mask"].numpy(), [*data.dataset.colors, *BEYOND])
            shown = np.hstack([picture, labelled, heat(crop["weight"].numpy())])
            largest = float(crop["weight"].max())
            tag = f"training/{draw} {crop['id']}: crop, labels, weight (brightest = {largest:.3g})"
            trainer.logger.experiment.add_image(tag, shown, 0, dataformats="HWC")
