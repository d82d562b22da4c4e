"""Up-sampling: modules that enlarge a feature map, built from (in, out channels, factor per axis)."""
