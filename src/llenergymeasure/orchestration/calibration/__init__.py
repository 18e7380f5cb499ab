"""A known load on this machine, start to end."""
