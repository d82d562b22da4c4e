"""Normalisation: two numbers a channel, from the whole image or the training set."""
