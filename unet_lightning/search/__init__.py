"""Sweepers: they decide which trials a sweep runs."""
