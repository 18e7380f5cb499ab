"""What a result states."""
