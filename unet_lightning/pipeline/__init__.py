"""From records to batches: read, measure, crop, augment, normalise, weigh."""
