"""Sweepers: which trials a sweep has."""
