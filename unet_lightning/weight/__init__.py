"""Weights: how much each pixel counts in the loss, from its augmented labels."""
