"""`python -m llenergymeasure` is `llem`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; the current folder, which `python -m` puts on `sys.path`, is not searched for modules."""
    current = os.getcwd()
    sys.path[:1] = [entry for entry in sys.path[:1] if entry not in ("", current)]
    from llenergymeasure.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
