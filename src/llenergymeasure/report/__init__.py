"""Reports: their content, and the formats they are written in."""
