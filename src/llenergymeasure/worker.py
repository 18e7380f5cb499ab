"""The process that measures: job folder in, events out on standard output, bundle on disk."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.launchers.base import JOB

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig

Emit = Callable[[RunEvent], None]


def main(arguments: list[str]) -> int:
    """Run the job in the folder named by the only argument; return the exit code of its outcome."""
    emit = _take_over_stdout()
    _log_to(emit)
    _listen_for_signals()
    _watch_parent()
    try:
        emit(RunEvent(kind="done", bundle=str(_run(Path(arguments[0]), emit))))
        return 0
    except LLEMError as error:
        emit(RunEvent(kind="failed", error=type(error).__name__, message=str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        emit(
            RunEvent(kind="failed", error="InterruptedExperimentError", message="interrupted before it began")
        )
        return 130
    except Exception:  # noqa: BLE001 - the starter must hear of a defect too
        emit(RunEvent(kind="failed", error="LLEMError", message=f"internal error:\n{traceback.format_exc()}"))
        return 1


def _run(job: Path, emit: Emit) -> Path:
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.orchestration.experiment import execute

    raw: dict[str, Any] = json.loads((job / JOB).read_text(encoding="utf-8"))
    config: ExperimentConfig = ExperimentConfig.model_validate(raw["config"])
    return execute(config, emit)


def _take_over_stdout() -> Emit:
    """Keep standard output for events alone; whatever a library prints goes to standard error."""
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def emit(event: RunEvent) -> None:
        events.write(event.model_dump_json(exclude_none=True) + "\n")

    return emit


def _log_to(emit: Emit) -> None:
    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            emit(RunEvent(kind="log", level=record.levelname.lower(), message=record.getMessage()))

    handler = Forward(level=logging.WARNING)
    logging.getLogger("llenergymeasure").addHandler(handler)


def _listen_for_signals() -> None:
    """The first interrupt or termination stops the run in order; those that follow find it already stopping."""

    def stop(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _watch_parent() -> None:
    """Stop in order when the starter is gone: its end of our standard input closes with it."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
