"""A bundle recomputed from its raw tables."""
