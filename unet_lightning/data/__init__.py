"""Data sets: one file a published layout, from paths to records."""
