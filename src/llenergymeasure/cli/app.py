"""The commands of `llem`, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from llenergymeasure.api import KEPT
from llenergymeasure.cli.calibrate import calibrate
from llenergymeasure.cli.compare import compare
from llenergymeasure.cli.doctor import doctor
from llenergymeasure.cli.run import run
from llenergymeasure.cli.schema import schema
from llenergymeasure.cli.show import show
from llenergymeasure.cli.signals import leave_on_signals
from llenergymeasure.cli.verify import verify
from llenergymeasure.constants import VERSION
from llenergymeasure.core.processes.stop_signals import stop_is_asked
from llenergymeasure.exceptions import InterruptedExperimentError, LLEMError, PreFlightError
from llenergymeasure.foreign_code import INTERNAL, described, limit_reached

INTERRUPTED = InterruptedExperimentError.exit_code
DEBUG = "LLEM_DEBUG"

app = typer.Typer(
    help="Measure what it costs to run large language models: energy, time, memory and FLOPs.",
    epilog="Exit codes: 0 done, 1 defect of llem, 2 configuration, 3 pre-flight, 4 backend, 5 meter, "
    "6 experiment, 8 invalid result, 9 verification, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"llem {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options before the command."""


def _reported(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its errors printed as one sentence on standard error, and their exit code."""

    @functools.wraps(command)
    def reported(*arguments: object, **options: object) -> None:
        logger, handler = logging.getLogger("llenergymeasure"), _warnings_to_stderr()
        logger.addHandler(handler)
        try:
            command(*arguments, **options)
        except LLEMError as error:
            _leave(_sentence(error), error.exit_code)
        except KeyboardInterrupt:
            _leave("interrupted", INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - a defect is reported like any other error
            if stop_is_asked():  # others make an error of an interrupt
                _leave("interrupted", INTERRUPTED)
            if os.environ.get(DEBUG):
                traceback.print_exc()
            limit = limit_reached(error)
            if limit is not None:
                _leave(limit, PreFlightError.exit_code)
            _leave(_internal(described(error)), LLEMError.exit_code)
        finally:
            logger.removeHandler(handler)

    return reported


def _leave(sentence: str, code: int) -> None:
    from llenergymeasure.core.secrets import mask_secrets

    sentence = mask_secrets(sentence)  # messages quote what they were given
    told = sentence if code == INTERRUPTED else f"error: {sentence}"
    leave_on_signals(told)  # a further interrupt must not lose the sentence
    print(told, file=sys.stderr, flush=True)
    raise SystemExit(code)


def _sentence(error: LLEMError) -> str:
    """Return the text of an error; the traceback of a defect in the worker is printed with LLEM_DEBUG only."""
    text = str(error)
    if not text.startswith(INTERNAL):
        return text
    if os.environ.get(DEBUG):
        print(text, file=sys.stderr)
    cause, *more = text.removeprefix(INTERNAL).strip().splitlines()
    kept = [line for line in more if line.startswith(KEPT)]
    return "\n".join([_internal(cause), *kept])


def _internal(what: str) -> str:
    return (
        f"{INTERNAL} {what}. This is a defect of llem: please report it ({DEBUG}=1 shows where it happened)"
    )


def _warnings_to_stderr() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    return handler


for _command in (run, show, compare, verify, calibrate, doctor, schema):
    app.command()(_reported(_command))
