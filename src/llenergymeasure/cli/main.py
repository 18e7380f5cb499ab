"""The entry point of `llem`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; leaves through SystemExit with the exit code."""
    if sys.argv[1:] == ["--version"]:  # answered before anything is imported
        from llenergymeasure.constants import VERSION

        sys.stdout.write(f"llem {VERSION}\n")
        return
    from llenergymeasure.cli.app import app

    app(prog_name="llem")
