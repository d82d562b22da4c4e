"""The laboratory for U-Net segmentation."""

__version__ = "0.1.0"
