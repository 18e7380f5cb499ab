"""The checks of a run: each yields typed warnings with a stable code, a figure and a remedy."""
