"""NVIDIA GPUs through NVML: which there are, and what they report."""
