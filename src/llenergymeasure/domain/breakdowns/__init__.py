"""Where time, energy, work and memory of a result went: by request, phase, step and device."""
