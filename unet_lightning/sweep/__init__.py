"""The trials of a sweep: planning, status, ranking and report."""
