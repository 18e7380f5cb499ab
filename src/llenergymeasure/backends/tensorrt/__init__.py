"""The TensorRT-LLM backend, written to its published LLM API and not yet run on a GPU."""
