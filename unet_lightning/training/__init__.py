"""A run: what a config builds, how it is trained, and what it leaves in its folder."""
