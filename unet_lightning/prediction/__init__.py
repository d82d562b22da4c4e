"""Prediction with trained networks on images of any size. Imports neither Lightning nor anything of training."""
