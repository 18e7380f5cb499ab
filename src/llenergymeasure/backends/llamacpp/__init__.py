"""The llama.cpp backend: its own server engine, in this process, through xllamacpp."""
