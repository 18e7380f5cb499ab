"""Bundles from anyone: nothing in them is followed or believed."""
