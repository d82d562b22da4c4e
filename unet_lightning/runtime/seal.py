"""Archives that say whether a byte of them has changed: a checksum in the comment that every zip file may end with."""

import struct
import zipfile
import zlib
from pathlib import Path

PREFIX = b"unet-lightning crc32 "
LENGTH = len(PREFIX) + 8  # of the comment: 8 hex digits follow
END = b"PK\x05\x06"  # begins the 22 bytes that end an archive without a comment, the last two being its length
BLOCK = 2**20


def sealed(archive: bytes) -> bytes:
    """A zip file without a comment, with its checksum as one, which readers skip and copies keep."""
    if archive[-22:-18] != END or archive[-2:] != b"\0\0":
        raise ValueError("not a zip file without a comment")
    content = archive[:-2] + struct.pack("<H", LENGTH)
    return content + PREFIX + b"%08x" % zlib.crc32(content)


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
