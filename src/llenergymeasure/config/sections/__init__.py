"""Sections of the configuration with rules of their own."""
