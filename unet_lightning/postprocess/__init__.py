"""Post-processing: from predicted classes to objects; a whole image or band after band gives the same result."""
