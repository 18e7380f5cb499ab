"""Files that outlive a process: where they lie, and how they are written whole."""
