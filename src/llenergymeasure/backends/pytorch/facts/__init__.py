"""What is recorded of a loaded model."""
