"""The process that probes meters for `meters/probing_apart.py`: names in, one line of JSON for each meter out."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import Any

from llenergymeasure import plugins
from llenergymeasure.core.own_process import begin_own_process
from llenergymeasure.core.processes.answers import take_over_stdout
from llenergymeasure.core.python_process import search_for_modules_in
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.selection import probe


def main() -> int:
    """Take the job from standard input and answer, meter by meter; end without the closing steps of any library."""
    begin_own_process()
    answer = take_over_stdout()
    try:
        job: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    except ValueError:  # the parent process was interrupted before it had written all: nobody wants an answer
        return 0
    signal.alarm(job["end_after_s"])  # ends it where the parent process is gone and a meter hangs
    search_for_modules_in(job["path"])
    _forward_warnings(answer)
    with plugins.assumed(*(("meters", name) for name in job["named"])):
        options = MeterOptions.model_validate(job["options"])
    _write(answer, {"started": True})
    for name in job["names"]:
        status = probe(name, options, with_readings=job["with_readings"])
        _write(answer, {"name": name, "status": status.model_dump(mode="json")})
    os._exit(0)


def _forward_warnings(answer: int) -> None:
    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _write(answer, {"level": record.levelno, "message": record.getMessage()})

    logger = logging.getLogger("llenergymeasure")
    logger.addHandler(Forward(level=logging.WARNING))
    logger.propagate = False


def _write(answer: int, message: dict[str, Any]) -> None:
    os.write(answer, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
