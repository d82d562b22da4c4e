"""Data sets: one module for each published layout, from paths to records; layout.py and pairs.py are shared."""
