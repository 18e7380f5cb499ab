"""A result on disk: the bundle."""
