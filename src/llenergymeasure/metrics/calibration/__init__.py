"""Sensors under a known load: what they average, how often they update, how far they are off."""
