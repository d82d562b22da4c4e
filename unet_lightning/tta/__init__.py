"""Test-time augmentation: the averaged probabilities of rotated and mirrored copies of an image."""
