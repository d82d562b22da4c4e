"""How a camera or scanner was held: the orientation of EXIF and of TIFF, 1 to 8, undone."""

from typing import Any, TypeVar

from numpy.typing import NDArray

ORIENTATION = 274  # the tag in EXIF and TIFF
TURNED = 5  # from here on rows are stored as columns
Array = TypeVar("Array", bound=NDArray[Any])


def upright(stored: Array, orientation: int) -> Array:
    """(H, W) or (H, W, C) as it is to be seen: TIFF 6.0 says where row 0 and column 0 of what is stored belong."""
    array: Any = stored.swapaxes(0, 1) if orientation >= TURNED else stored
    rows = orientation in (3, 4, 7, 8)  # bottom and top are exchanged
    columns = orientation in (2, 3, 6, 7)  # left and right are exchanged
    return array[:: -1 if rows else 1, :: -1 if columns else 1]  # type: ignore[no-any-return]


def orientation_of(value: object) -> int:
    """A tag's value, or 1, which turns nothing, where it means nothing."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
