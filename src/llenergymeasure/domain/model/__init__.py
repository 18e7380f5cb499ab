"""The model: the reference a user writes, where its files are, and what was loaded."""
