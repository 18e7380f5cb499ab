"""Means, intervals and trends of small samples."""
