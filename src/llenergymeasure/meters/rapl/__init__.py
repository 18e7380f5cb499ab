"""CPU packages and memory through RAPL."""
