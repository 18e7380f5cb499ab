"""A folder for PYTHONPATH whose `sitecustomize` gives Python 3.10 what PYTHONSAFEPATH gives later versions."""
