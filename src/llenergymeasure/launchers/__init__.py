"""How the process that measures is started."""
