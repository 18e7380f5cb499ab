"""The nouns of a measurement: frozen records."""
