"""The race: this product and others, each with the same processor seconds of one thread, scored by the same code."""
