"""What a network learns in place of the classes, and what its outputs say about classes and objects."""
