"""`python -m llenergymeasure` is `llem`."""

from __future__ import annotations

from llenergymeasure.cli.main import main

if __name__ == "__main__":
    main()
