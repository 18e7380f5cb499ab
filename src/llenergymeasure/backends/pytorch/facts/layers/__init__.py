"""The layers of a loaded model, read from its modules."""
