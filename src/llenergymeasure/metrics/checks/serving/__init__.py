"""Checks of how requests were served, one topic a file."""
