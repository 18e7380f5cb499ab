"""Inference software, one folder each."""
