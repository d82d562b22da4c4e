"""Up-sampling: modules that double the sides of a feature map, built from (in, out channels)."""
