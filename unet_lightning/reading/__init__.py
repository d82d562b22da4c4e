"""Read files of any format as arrays: one module for each format."""
