"""nnU-Net's rules as a plan: its network, patch, batch, normalisation and training recipe for two axes.

Isensee et al., Nature Methods 2021, https://doi.org/10.1038/s41592-020-01008-z.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le

from unet_lightning.error import InputError
from unet_lightning.pipeline.findings import grouped
from unet_lightning.plan.augmentation import rotation
from unet_lightning.plan.base import Choice, Decision, Plan
from unet_lightning.plan.cases import cases, is_volume, planned_records
from unet_lightning.plan.encoder import ENCODERS, Encoder
from unet_lightning.plan.fingerprint import Fingerprint, Intensities, foreground_intensities, measure
from unet_lightning.plan.network import network_choices
from unet_lightning.plan.rejected import rejected
from unet_lightning.plan.rules import Configuration, Rules, plan_rules
from unet_lightning.plan.table import configuration_table
from unet_lightning.plan.topology import Topology
from unet_lightning.record import DataSet, Record

RGB = ("rgb_to_0_1",) * 3  # the names that images of 8 bits and three channels get where none are given
EPOCHS, STEPS = 1000, 250
NOTE = """The 2d configuration is trained; a volume is trained and predicted slice by slice. What differs from nnU-Net:
images are not resampled to a common spacing. After each epoch whole validation images are scored, instead of 50 random
crops, and the best checkpoint is kept, not the last one.
"""


@dataclass(frozen=True)
class Planned:
    """What nnU-Net would choose, and what it was chosen from.

    intensities: of each channel where one is CT, or none. volumes: whether slices of NIfTI volumes are trained on; here
    their rows run along x, there along y.
    """

    encoder: Encoder
    memory_gb: float
    fingerprint: Fingerprint
    rules: Rules
    intensities: tuple[Intensities, ...]
    volumes: bool

    @property
    def flat(self) -> Configuration:
        """The configuration of two axes, which is trained; its axes are rows and columns as images have them here."""
        found = self.rules.configurations["2d"]
        if not self.volumes:
            return found
        turned = Topology(
            found.topology.patch[::-1],
            tuple(stride[::-1] for stride in found.topology.strides),
            tuple(kernel[::-1] for kernel in found.topology.kernels),
        )
        return replace(found, spacing=found.spacing[::-1], median=found.median[::-1], topology=turned)


class NnUNet(Plan):
    """nnU-Net's plan and recipe, of version 2.

    encoder: plain, or a residual one of 2024. memory_gb: of the graphics card; None is what nnU-Net assumes for the
    encoder. channels: their names, which choose their normalisation.
    """

    def __init__(
        self,
        encoder: Literal["plain", "residual_m", "residual_l", "residual_xl"],
        memory_gb: Annotated[float, Gt(0), Le(10_000)] | None,
        channels: list[str] | None,
    ) -> None:
        self.encoder, self.memory_gb, self.channels = ENCODERS[encoder], memory_gb, channels

    def decide(self, plain: Mapping[str, Any], typed: Mapping[str, Any]) -> Decision:
        """Every value of a run of nnU-Net's 2-D configuration; none depends on what was typed."""
        found = self.measure(plain)
        if found.volumes and found.rules.transpose[0] != 0:
            raise InputError(
                f"the coarsest axis of these volumes is {'zyx'[found.rules.transpose[0]]}, which nnU-Net's slices lie "
                "across, and slices here lie across z; convert the volumes so that z is the coarsest axis"
            )
        title = f"nnU-Net's configurations for {found.fingerprint.cases} images, {found.memory_gb:g} GB"
        table = configuration_table(found.rules, title, found.intensities)
        others = rejected(found.rules, found.memory_gb, found.fingerprint.crop_ratio)
        return Decision(tuple(_choices(found)), (table, others, NOTE))

    def measure(self, plain: Mapping[str, Any]) -> Planned:
        """The plan of the training and validation images; InputError where they can't be read."""
        dataset, records = planned_records(plain)
        if dataset.findings:
            raise InputError("\n".join(grouped((line, ()) for line in dataset.findings)))
        if not records:
            raise InputError("the data set has no image outside its test split; a plan needs training images")
        ignored = plain["data"].get("ignore") is not None  # one more label, as nnU-Net counts
        fingerprint = self._fingerprint(dataset, records, len(dataset.classes) + ignored)
        memory_gb = self.memory_gb or self.encoder.gb
        rules = plan_rules(fingerprint, self.encoder, memory_gb)
        scaled = "ct" in rules.normalization
        intensities = foreground_intensities(cases(dataset, records), fingerprint.cases) if scaled else ()
        volumes = any(is_volume(record) for record in records)
        return Planned(self.encoder, memory_gb, fingerprint, rules, tuple(intensities), volumes)

    def _fingerprint(self, dataset: DataSet, records: Sequence[Record], labels: int) -> Fingerprint:
        first = dataset.read(records[0]).image
        count = first.shape[2]
        named = RGB if first.dtype == "uint8" and count == 3 else ("zscore",) * count
        names = tuple(self.channels or named)
        if len(names) != count:
            raise InputError(
                f"plan.channels={list(names)} with images of {count} channels; name each channel, or set "
                "plan.channels=null"
            )
        return measure(cases(dataset, records), names, labels)


def _choices(found: Planned) -> list[Choice]:
    flat = found.flat
    patch, batch = list(flat.topology.patch), flat.batch
    shape = "x".join(f"{size:g}" for size in flat.median)
    turned = rotation(flat.topology.patch)
    return [
        *network_choices(flat, found.encoder),
        Choice("data.crop", patch, f"as much of the median image, {shape} pixels, as {found.memory_gb:g} GB hold"),
        Choice("data.batch_size", batch, "what the memory holds, at most a share of all pixels of the set"),
        Choice("data.steps", STEPS, "steps of an epoch; images are drawn with replacement"),
        Choice("data.foreground", 0.33, "share of a batch that is centred on a class"),
        Choice("data.foreground_by", "batch", "the last crops of each batch, and not each crop by chance"),
        Choice("data.ridge", 0, "touching objects are not parted"),
        Choice("augment", "nnunet", "rotation, scaling, noise, blur, brightness, contrast, low resolution, gamma"),
        Choice("augment.warp.rotation", turned.degrees, "180 degrees, or 15 where a patch is oblong"),
        *_normalization(found),
        Choice("loss", "nnunet", "cross entropy plus Dice of the batch"),
        Choice("optimizer", "sgd", "rate 0.01, Nesterov momentum 0.99, weight decay 3e-5"),
        Choice("schedule", "poly", "(1 - epoch / epochs)^0.9"),
        Choice("schedule.every", "${data.steps}", "the rate is set once an epoch"),
        Choice("trainer.gradient_clip_val", 12, "largest norm of the gradient"),
        Choice("trainer.max_epochs", EPOCHS, "as in the publication; nnU-Net's rules know no end before"),
        Choice("tile", patch, "tiles of the size of a training crop"),
        Choice("tiling", "nnunet", "tiles overlap by half and are averaged with a Gaussian; 0 beyond the image"),
        Choice("tta", "flips", "the image and its mirror images"),
        Choice("tta.average", "logits", "the views are averaged before the softmax"),
    ]


def _normalization(found: Planned) -> list[Choice]:
    """How each channel is normalised."""
    pairs = zip(found.rules.normalization, found.rules.masked, strict=True)
    schemes = ["masked_zscore" if mask else scheme for scheme, mask in pairs]
    chosen = [
        Choice("normalize", "nnunet", "by the names of the channels"),
        Choice("normalize.schemes", schemes, f"the channels are called {', '.join(found.fingerprint.channels)}"),
    ]
    if not found.intensities:
        return chosen
    numbers = [
        [one.low, one.high, one.mean, one.std] if scheme == "ct" else None
        for one, scheme in zip(found.intensities, schemes, strict=True)
    ]
    return [*chosen, Choice("normalize.ct", numbers, "of the labelled pixels")]
