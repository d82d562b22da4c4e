"""The errors for files that can't be read."""

from pathlib import Path

from unet_lightning.error import InputError

BROKEN = "copy the file again from its source, or take it out of the data set"
MOST_PIXELS_A_BYTE = 10_000  # the best compression of one colour has 8,256 pixels a byte


def missing(path: Path) -> InputError:
    """For a file that isn't there."""
    return InputError(f"{path}: no such file; add the file")


def broken(path: Path, reason: object) -> InputError:
    """For a file that a library can't read; of its error the first line, without the name of a buffer in memory."""
    lines = str(reason).split("<_io.BytesIO")[0].strip().splitlines()
    return InputError(f"{path}: {lines[0] if lines else type(reason).__name__}; {BROKEN}")


def refuse_claim(path: Path, pixels: int, size: int) -> None:
    """InputError for a header that claims more pixels than a file of this many bytes can hold."""
    if pixels > MOST_PIXELS_A_BYTE * size:
        raise broken(path, f"claims {pixels:,} pixels in {size:,} bytes, which no picture holds")
