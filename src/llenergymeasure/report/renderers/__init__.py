"""The formats in which a report is written, one module each."""
