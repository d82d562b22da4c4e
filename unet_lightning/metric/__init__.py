"""Scores of predictions: of pixels, of borders, of objects."""
