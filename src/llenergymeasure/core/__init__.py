"""Probes of this machine; they know nothing of experiments."""
