"""Data sets: one file a published layout, from paths to records. Here is what several layouts share."""
