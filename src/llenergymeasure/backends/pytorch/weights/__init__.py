"""Whether the tensors of a model are those of its files."""
