"""Augmentation of images and labels together."""
