"""What the files of a model contain, read without any library: what keeps them from being loaded, and the fix."""
