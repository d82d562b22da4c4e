"""Callbacks during training: pictures, curves, warnings and checkpoints."""
