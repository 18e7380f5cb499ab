"""The vLLM backend: its engine in processes of its own, batching continuously, streaming every token."""
