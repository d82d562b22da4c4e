"""The studies: what was run, what is kept of it, and the pages it is told on."""
