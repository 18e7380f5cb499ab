"""How many connections this process may have open: each is a file to the operating system."""

from __future__ import annotations

import resource
from contextlib import suppress


def allow_open_files() -> None:
    """Raise the limit of open files as far as the system allows: many systems begin with 1,024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(
        OSError, ValueError
    ):  # then the requests above it fail, and say that they had no connection
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
