"""Trials of a sweep, how they ended, and what follows from them."""
