"""What loading a model will say, found out without reading its weights."""
