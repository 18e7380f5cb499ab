"""How a summary is shown."""
