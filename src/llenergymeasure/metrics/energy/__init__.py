"""From a trace to the energy of an interval, with its uncertainty."""
