"""Archives that say whether a byte of them has changed: a checksum in the comment that every zip file may end with."""

import struct
import zipfile
import zlib
from io import SEEK_END, BytesIO
from pathlib import Path

from unet_lightning.error import InputError

PREFIX = b"unet-lightning crc32 "
LENGTH = len(PREFIX) + 8  # of the comment: 8 hex digits follow
END = b"PK\x05\x06"  # begins the 22 bytes that end an archive without a comment, the last two being its length
BLOCK = 2**20


def seal(archive: BytesIO) -> None:
    """Give a zip file in memory, without a comment, its checksum as one, which readers skip and copies keep."""
    with archive.getbuffer() as content:
        if bytes(content[-22:-18]) != END or bytes(content[-2:]) != b"\0\0":
            raise ValueError("not a zip file without a comment")
        content[-2:] = struct.pack("<H", LENGTH)
        checksum = zlib.crc32(content)
    archive.seek(0, SEEK_END)
    archive.write(PREFIX + b"%08x" % checksum)


def check_whole(path: Path) -> None:
    """InputError where a zip file isn't what was written; OSError where it can't be read."""
    if not is_whole(path):
        raise InputError(
            f"{path} isn't what was written: cut off, or a byte of it has changed; put a copy of it back, "
            "or train again under another name: run=…"
        )


def is_whole(path: Path) -> bool:
    """Whether a zip file holds what was written. One that was never sealed is held to its members' own checksums.

    OSError for a file that can't be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        left = size - LENGTH
        file.seek(max(0, left))
        comment = file.read()
        if left < 0 or not comment.startswith(PREFIX):
            return _members_are_whole(path)
        file.seek(0)
        found = 0
        while left:
            block = file.read(min(BLOCK, left))
            if not block:
                return False
            found, left = zlib.crc32(block, found), left - len(block)
    return comment[len(PREFIX) :] == b"%08x" % found


def _members_are_whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return False
