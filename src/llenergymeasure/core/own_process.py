"""What holds in the processes of `llem`, and not in programs that use this package as a library."""

from __future__ import annotations

from llenergymeasure.core.packages import do_without_broken_entry_points
from llenergymeasure.core.whose_error import no_program_calls_us


def begin_own_process() -> None:
    """Take this process for one of ours: no other program's exceptions, no end by packages that nobody asked for."""
    no_program_calls_us()
    do_without_broken_entry_points()
