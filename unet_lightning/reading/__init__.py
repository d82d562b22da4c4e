"""A file of any format to native arrays: one file a format."""
