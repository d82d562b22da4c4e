"""The LightningModule: one training step, one evaluation step, both a few lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet_lightning.error import InputError
from unet_lightning.loss.deep_supervision import supervise
from unet_lightning.metric import instance
from unet_lightning.metric.object_classes import overlaps_by_class
from unet_lightning.metric.overlap import Overlaps, drop_ignored, overlaps
from unet_lightning.metric.semantic import confusion_matrix, summary
from unet_lightning.model.network import Network
from unet_lightning.pipeline.randomness import SampleKey
from unet_lightning.postprocess.objects import Objects
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.runtime.distributed import gather_dict, this_process
from unet_lightning.target.base import Target
from unet_lightning.tiling.grid import GRIDS, Geometry, Tile
from unet_lightning.tiling.predict import Views, predict_grid

BINS = 100  # of the probabilities behind a precision-recall curve
OBJECTS = "val/objects"  # what the names of its scores begin with in logs
SHOWN = ("dice", "iou", "accuracy", "precision", "recall", "pixel_accuracy")


@dataclass(frozen=True)
class Objective:
    """What training minimises, and how.

    loss: (logits, mask, weight) to a scalar. optimizer: parameters to an optimizer. schedule: (optimizer, total steps)
    to a scheduler.
    """

    loss: nn.Module
    optimizer: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., Any]


@dataclass(frozen=True)
class Inference:
    """How whole images are predicted.

    tile: side, or height and width, of a tile's output in pixels. tiling: the name of a grid. tta: the views of an
    image that are averaged. postprocess: ids (H, W) to classes and objects (H, W). target: what the network's outputs
    say of classes.
    """

    tile: Tile
    tiling: str
    tta: Views
    postprocess: Objects
    target: Target

    def classes(self, outputs: Tensor) -> NDArray[np.uint8]:
        """Outputs (L, H, W) to the class ids (H, W) that are scored and drawn."""
        return self.postprocess.final_classes(self.target.ids(outputs).cpu().numpy())


class SegmentationTask(L.LightningModule):
    """Trains a network on crops and scores it on whole images, predicted by tiles.

    identity: plain containers that a checkpoint carries (config, statistics, classes, …).
    """

    def __init__(self, network: Network, objective: Objective, inference: Inference, identity: dict[str, Any]) -> None:
        super().__init__()
        self.network, self.loss = network, objective.loss
        self.objective, self.inference, self.identity = objective, inference, identity
        self.matrices: dict[int, Tensor] = {}  # (K, K) of each image scored here, by position in its split
        self.training_forward: Callable[[Tensor], list[Tensor]] = network.logits_by_level  # or its compiled twin
        self.losses: dict[int, float] = {}  # by position in the validation split
        self.histograms: dict[str, Tensor] = {}
        self.objects: dict[int, Overlaps] = {}  # by position in the split that is or was scored
        self.objects_by_class: dict[int, dict[int, Overlaps]] = {}  # the same of each class, where there are several
        self.frozen: Sequence[nn.Module] = ()  # parts of the network that keep their weights
        self.validates_objects = False  # whether a score of objects chooses the checkpoint
        self.confusions: dict[str, Tensor] = {}  # by split, of the last time it was scored

    def setup(self, stage: str) -> None:
        """Say in checkpoints in which precision is trained; InputError for several devices by Lightning's samplers."""
        if self.trainer.world_size > 1 and self.trainer._accelerator_connector.use_distributed_sampler:
            raise InputError(
                f"{self.trainer.world_size} processes, among which Lightning would divide what is divided already; "
                "set devices=1, or train from the command line, which knows trainer.devices"
            )
        self.identity["precision"] = str(self.trainer.precision)

    def on_train_batch_start(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Seed dropout by (seed, epoch, batch, process) alone, so that an interrupted run continues identically."""
        key = SampleKey(self.identity["config"]["seed"], self.current_epoch, batch_idx)
        torch.manual_seed(int(key.generator("dropout").integers(2**62)) + this_process().rank)
        for module in self.frozen:  # its batch norm keeps its statistics too
            module.eval()

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The loss of a batch of crops, over all outputs of the network."""
        loss = self.loss_of(batch)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def loss_of(self, batch: dict[str, Any]) -> Tensor:
        """The same, without a trainer that is told."""
        outputs = self.training_forward(batch["image"])
        sides, labelled = tuple(outputs[0].shape[2:]), tuple(batch["mask"].shape[1:])
        if sides != labelled:
            seen = f"{sides} logits for a mask of {labelled}"
            raise RuntimeError(f"{seen}: the network's geometry and the pipeline's margin disagree")
        return supervise(self.loss, outputs, batch["mask"], batch["weight"])

    def validation_step(self, sample: dict[str, Any] | None, batch_idx: int) -> None:
        """Score one whole image, and its loss; nothing where another process has one more image."""
        if sample is None:
            return
        logits = self.inference.target.scores(self._score(sample, objects=self.validates_objects))
        self._count("val", logits, sample)
        weight = sample["valid"][None].float()
        self.losses[int(sample["index"])] = float(self.loss(logits[None], sample["mask"][None], weight))

    def test_step(self, sample: dict[str, Any] | None, batch_idx: int) -> None:
        """Score one whole image, its objects too where the set has them."""
        if sample is None:
            return
        self._score(sample)

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's losses and probabilities."""
        self.losses.clear()
        self.histograms.clear()

    def on_test_epoch_start(self) -> None:
        """Forget the last test's objects."""
        self.objects.clear()
        self.objects_by_class.clear()

    def on_validation_epoch_end(self) -> None:
        """Log the loss and the scores of the whole split, from all processes."""
        self.log("val/loss", fmean(gather_dict(self.losses).values()))
        counts = gather_dict({this_process().rank: counts.cpu() for counts in self.histograms.values()})
        self.histograms["val"] = torch.stack(list(counts.values())).sum(0)
        self._log_scores("val")
        if self.validates_objects:
            self.objects = gather_dict(self.objects)
            self._log_objects("val")
            self.objects.clear()

    def on_test_epoch_end(self) -> None:
        """Log the scores, and keep the confusion matrices and objects for the report."""
        self.objects = gather_dict(self.objects)
        self.objects_by_class = gather_dict(self.objects_by_class)
        self._log_objects("test")
        self._log_scores("test")

    def configure_optimizers(self) -> Any:
        """The optimizer, and its schedule stepped after every batch."""
        optimizer = self.objective.optimizer(self.parameters())
        steps = self.trainer.estimated_stepping_batches
        if steps == float("inf"):
            raise InputError("a schedule needs the number of steps; set trainer.max_epochs or trainer.max_steps")
        schedule = self.objective.schedule(optimizer, max(1, int(steps)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def predict(self, image: Tensor) -> Tensor:
        """Outputs (L, H, W) float32 for a normalised image (C, H, W), in evaluation mode whatever the mode was.

        With several views the logarithm of their mean probabilities.
        """
        training = self.network.training
        self.network.eval()
        how, geometry = self.inference, cast(Geometry, self.network.geometry)
        grid = GRIDS[how.tiling]((image.shape[-2], image.shape[-1]), [geometry], how.tile)
        logits = predict_grid(self.network, image, grid, views=how.tta)
        self.network.train(training)
        return logits

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the identity beside the parameters."""
        checkpoint[CHECKPOINT_KEY] = self.identity

    def _score(self, sample: dict[str, Any], objects: bool = True) -> Tensor:
        """The outputs (L, H, W) for an image, its classes scored, and its objects where it has them."""
        index, outputs, how = int(sample["index"]), self.predict(sample["image"]), self.inference
        scores = how.target.scores(outputs)  # (K, H, W)
        predicted, compared = scores.argmax(0), objects and sample["instances"] is not None
        if compared or how.postprocess.masks:
            classes, found = how.postprocess.apply(how.target.ids(outputs).cpu().numpy())
            predicted = torch.from_numpy(classes).to(predicted)
            if compared:
                self._compare(index, found, classes, sample)
        matrix = confusion_matrix(predicted, sample["mask"], sample["valid"], scores.shape[0])
        self.matrices[index] = matrix.cpu()
        return outputs

    def _compare(self, index: int, objects: NDArray[np.int32], classes: NDArray[Any], sample: dict[str, Any]) -> None:
        """Predicted objects and class ids (H, W) against labelled ones; ignored pixels belong to no object."""
        valid, mask, instances = (sample[name].cpu().numpy() for name in ("valid", "mask", "instances"))
        labelled = instances * valid
        kept = drop_ignored(labelled, objects, valid)
        self.objects[index] = overlaps(labelled, kept)
        if len(self.identity["classes"]) > 2 and self.trainer.testing:
            self.objects_by_class[index] = overlaps_by_class(labelled, kept, mask, classes)

    def _count(self, stage: str, logits: Tensor, sample: dict[str, Any]) -> None:
        """Add to `histograms[stage]` (K, 2, BINS): pixels of other classes, and of class k, by the probability of k."""
        classes = logits.shape[0]
        bins = (logits.softmax(0).nan_to_num(0) * BINS).long().clamp(0, BINS - 1)
        labelled = sample["mask"] == torch.arange(classes, device=logits.device)[:, None, None]
        place = (torch.arange(classes, device=logits.device)[:, None, None] * 2 + labelled) * BINS + bins
        counts = torch.bincount(place[:, sample["valid"]].flatten(), minlength=classes * 2 * BINS)
        counts = counts.view(classes, 2, BINS)
        self.histograms[stage] = self.histograms[stage] + counts if stage in self.histograms else counts

    def _log_objects(self, stage: str) -> None:
        """The means over images of the scores of `objects`."""
        if self.objects:
            scores = instance.summary(list(self.objects.values()))["image_mean"]
            self.log_dict({f"{stage}/objects/{name}": value for name, value in scores.items()})

    def _log_scores(self, stage: str) -> None:
        self.confusions[stage] = torch.stack(list(gather_dict(self.matrices).values()))
        self.matrices.clear()
        scores = summary(self.confusions[stage], self.identity["classes"], self.identity["background"])
        for averaging in ("pooled", "image_mean"):
            for score in SHOWN:
                for name in ("mean", "foreground"):
                    if name in scores[averaging][score]:
                        self.log(f"{stage}/{averaging}/{score}/{name}", scores[averaging][score][name])
