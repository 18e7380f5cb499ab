"""From raw readings to what a sensor published, and when."""
