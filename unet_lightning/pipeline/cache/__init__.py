"""Decoded records, in memory or on disk."""
