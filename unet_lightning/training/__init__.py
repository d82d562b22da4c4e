"""A training run: build its parts from a config, train, score, and write the results to its folder."""
