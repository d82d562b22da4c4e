"""Post-processing: from predicted classes to objects, in one piece or band by band with the same result."""
