"""Warnings about a run, and the verdict that sums them up."""
