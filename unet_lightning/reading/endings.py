"""Which files are pictures, arrays and labels, by the endings of their names."""

from pathlib import Path

TIFF = (".tif", ".tiff")
NIFTI = (".nii", ".nii.gz")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", *TIFF)
IMAGES = (*PICTURES, ".npy", *NIFTI)
LABELS = (*IMAGES, ".gif", ".mat", ".json", ".geojson", ".zip")


def ends_in(path: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file's name has one of the endings, in any case of letters."""
    return path.name.lower().endswith(endings)
