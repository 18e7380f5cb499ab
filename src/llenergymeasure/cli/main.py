"""The entry point of `llem`."""

from __future__ import annotations

import os
import sys

OUTPUT_LOST = 6
"""Exit code where standard output is full, say: that of a result that cannot be written."""


def main() -> None:
    """Run the command line; leaves through SystemExit with the exit code."""
    try:
        from llenergymeasure.cli.signals import leave_on_signals
        from llenergymeasure.core.processes.stop_signals import end_on_stop_signals

        leave_on_signals()  # before the imports of the command line, which take longest
        from llenergymeasure.cli.streams import take_over_streams

        take_over_streams()
        code = _run()
        end_on_stop_signals()
        if code != 0:
            raise SystemExit(code)
    except KeyboardInterrupt:  # before the handlers were there, or while the first interrupt was reported
        _leave_at_once()


def _run() -> object:
    """Return the exit code of the command; output that was lost is an error of its own."""
    try:
        _run_command()
        code: object = 0
    except SystemExit as leaving:
        code = leaving.code or 0
    from llenergymeasure.cli.streams import output_failure

    failure = output_failure()
    if failure is not None:
        print(f"error: standard output cannot be written: {failure}", file=sys.stderr)
        code = code or OUTPUT_LOST
    return code


def _run_command() -> None:
    if sys.argv[1:] == ["--version"]:  # answered before anything is imported
        from llenergymeasure.constants import VERSION

        sys.stdout.write(f"llem {VERSION}\n")
        return
    from llenergymeasure.core.python_process import NO_PLUGINS

    os.environ.setdefault(NO_PLUGINS, "__all__")  # before the first import of pydantic
    from llenergymeasure.cli.app import app
    from llenergymeasure.core.own_process import begin_own_process

    begin_own_process()
    app(prog_name="llem")


def _leave_at_once() -> None:
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(130)
