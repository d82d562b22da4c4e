"""Losses: modules from (logits, mask, weight) to a scalar."""
