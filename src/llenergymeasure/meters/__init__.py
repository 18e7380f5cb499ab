"""Energy sources, one file each."""
