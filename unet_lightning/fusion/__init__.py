"""Skip fusion: modules that join a skip and an up-sampled map."""
