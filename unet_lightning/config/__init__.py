"""From overrides to a plain, checked config, and from its nodes to parts."""
