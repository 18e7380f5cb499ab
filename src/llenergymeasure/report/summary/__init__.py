"""The content of reports, independent of any format."""
