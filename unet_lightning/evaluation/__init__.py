"""A set of images scored: protocol, intervals, paired comparison, choice of the post-processing, report."""
