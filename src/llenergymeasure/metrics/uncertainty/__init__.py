"""The uncertainty budget of a figure."""
