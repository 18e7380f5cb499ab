"""The PyTorch backend, on transformers."""
