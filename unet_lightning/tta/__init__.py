"""Test-time augmentation: an image seen several times, its probabilities averaged."""
