"""Post-processing: from predicted classes to objects."""
