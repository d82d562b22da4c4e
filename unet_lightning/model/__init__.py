"""The network and its geometry."""
