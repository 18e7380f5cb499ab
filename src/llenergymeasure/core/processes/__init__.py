"""How processes of ours are stopped in order, and ended as a group."""
