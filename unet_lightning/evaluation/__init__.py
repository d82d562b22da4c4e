"""Scores of a set of images: protocol, intervals, paired comparison, choice of the post-processing, report."""
