"""Trained networks at work on images of any size. Imports neither Lightning nor anything of training."""
