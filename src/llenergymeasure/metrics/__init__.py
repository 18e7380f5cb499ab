"""Pure arithmetic on the raw tables of a run."""
