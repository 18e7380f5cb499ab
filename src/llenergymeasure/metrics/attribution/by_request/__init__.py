"""The energy of each request: steps priced by the trace, and shared among those who took part."""
