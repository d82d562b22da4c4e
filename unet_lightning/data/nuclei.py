"""72 nuclei pictures of BBBC038v1 (CC0) that come with the package; see bundled/nuclei/LICENSE.md."""

from collections.abc import Sequence
from pathlib import Path

from unet_lightning.data import folder
from unet_lightning.record import DataSet

ROOT = Path(__file__).parent / "bundled" / "nuclei"


def find(classes: Sequence[str]) -> DataSet:
    """The bundled records: dark fluorescence, colour and bright field, with a fixed split balanced over the kinds."""
    return folder.find(str(ROOT), classes)
