"""Versions: of the package, and of the result schema with its history."""

VERSION = "2.0.0"
"""Version of the package; equal to `llenergymeasure.__version__`, which no module of ours imports."""

SCHEMA_VERSION = "2.0.0"
"""Version of `result.json`; bundles record it so that older ones can be migrated.

2.0.0  first public schema: estimates with intervals, raw tables beside the result.
"""
