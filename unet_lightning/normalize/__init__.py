"""Normalisation: a shift and a scale for each channel, from the whole image or the training set, never from a tile."""
