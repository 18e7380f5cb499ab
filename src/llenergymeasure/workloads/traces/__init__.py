"""Traces of real traffic: when requests came, and how long they were."""
