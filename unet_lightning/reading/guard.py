"""What is looked at before a file is opened, and what becomes of a library's error."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.reading.failure import broken, missing

KINDS = {  # of what has a name in a folder and is no file
    stat.S_IFDIR: "Is a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def check_file(path: Path) -> None:
    """InputError unless a path leads to a regular file: reading a pipe or a device may never end. Nothing is opened."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except (OSError, ValueError) as error:  # no permission, a name that is too long or holds a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)!r}: {reason}; correct its name, or make the file readable") from None
    if kind != stat.S_IFREG:
        raise InputError(f"{path}: {KINDS.get(kind, 'no file')}; expected a file; copy the data into one")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What a library raises inside becomes the InputError of a file that can't be read; InputErrors stay."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except FileNotFoundError:
        raise missing(path) from None
    except PermissionError as error:
        raise InputError(f"{path}: {error.strerror}; make the file readable") from None
    except Exception as error:  # libraries raise all kinds for a broken file
        raise broken(path, error) from None
