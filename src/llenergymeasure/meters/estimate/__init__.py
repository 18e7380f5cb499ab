"""A stated power model, where nothing measures."""
