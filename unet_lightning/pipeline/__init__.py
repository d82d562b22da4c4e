"""From records to batches: read, measure, crop, augment, normalise, compute weights."""
