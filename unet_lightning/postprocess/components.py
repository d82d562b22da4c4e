"""Objects as connected pieces of one class."""

from unet_lightning.postprocess import Objects


class Components(Objects):
    """Every connected piece is an object."""
