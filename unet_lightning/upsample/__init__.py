"""Up-sampling: modules from (in, out channels) that double a map."""
