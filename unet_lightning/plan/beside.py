"""What nnU-Net would have chosen for a data set, shown beside another plan."""

from collections.abc import Mapping
from typing import Any

from unet_lightning.error import InputError
from unet_lightning.page.table import Table
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.plan.nnunet import NnUNet
from unet_lightning.plan.page import override_text

TITLE = "What nnU-Net would have chosen (plan=nnunet)"
ASKED = 500  # images: its rules read each


def nnunet_choices(plain: Mapping[str, Any], data: DataModule) -> str:
    """A table of its overrides as Markdown, or a sentence on why there is none."""
    images = sum(len(data.dataset.split(split)) for split in ("train", "val"))
    if images > ASKED:
        return f"## {TITLE}\n\nNot asked: its rules would read all {images} images.\n"
    try:
        choices = NnUNet("plain", None, None).decide(plain, {}).choices
    except InputError as error:
        return Table(TITLE, ["it makes no plan for this set"], [[str(error)]]).markdown()
    return Table(
        TITLE, ["override", "why"], [[override_text(one.key, one.value), one.why] for one in choices]
    ).markdown()
