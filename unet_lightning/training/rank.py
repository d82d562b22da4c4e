"""What another process of a run does: `python -m unet_lightning.training.rank FOLDER`."""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from unet_lightning.config.plain import read_config
from unet_lightning.error import InputError
from unet_lightning.runtime.files import CONFIG
from unet_lightning.training.run import train


def main(folder: Path) -> None:
    """Train the config in the run's folder, together with the process that started this one."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        train(read_config(folder / CONFIG), folder)
    except InputError as error:
        sys.exit(f"error: {error}")


def _end_with_parent() -> None:
    with suppress(OSError):
        os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
