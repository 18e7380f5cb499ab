"""One experiment, start to end."""
