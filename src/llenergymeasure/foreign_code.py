"""Calling other people's code: whatever it raises becomes one sentence."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.core.whose_error import is_the_programs
from llenergymeasure.exceptions import LLEMError

LONGEST = 300
"""Characters of an exception's text that are quoted."""
INTERNAL = "internal error:"
"""How the text of a defect of our own begins."""


@contextmanager
def explained(as_error: Callable[[str], LLEMError], *passing: type[BaseException]) -> Iterator[None]:
    """Turn whatever the block raises, `SystemExit` too, into the error that `as_error` makes of its description.

    An `LLEMError` has its sentence and passes, and so do what is of the calling program (an interrupt, a cancellation,
    the exception of its alarm), and the classes of `passing`.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (LLEMError, *passing)) or is_the_programs(error):
            raise
        limit = limit_reached(error)
        if limit is not None:  # whoever met it is not to blame
            raise type(as_error(limit))(limit) from error
        raise as_error(described(error)) from error


def described(error: BaseException) -> str:
    """Return class and first line of an exception, without secrets; never raises, whatever its text does."""
    lines = text_of(error).strip().splitlines()
    first = next(iter(lines), "")
    if re.match(r"\d+ validation errors? for ", first):  # pydantic says below what is wrong
        first = ": ".join(line.strip() for line in lines[:3])
    elif first.endswith(":") and len(lines) > 1:  # dataclasses of huggingface_hub say below what is wrong
        first = f"{first} {lines[1].strip()}"
    name = type(error).__name__
    if isinstance(error, EOFError) and "EOF when reading" in first:
        return f"{name}: it waits for input from a keyboard, and a run has none"
    if isinstance(error, MemoryError) and not first:
        return f"{name}: out of memory"
    return f"{name}: {mask_secrets(first)[:LONGEST]}" if first else f"{name} without a text{_place(error)}"


def _place(error: BaseException) -> str:
    """Return where an exception was raised, for one that says nothing else."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return "" if last is None else f", raised at {last.tb_frame.f_code.co_filename}:{last.tb_lineno}"


def limit_reached(error: BaseException) -> str | None:
    """Return what to do where the system starts no further thread or process; None for any other error."""
    if isinstance(error, RuntimeError) and "can't start new thread" in text_of(error):
        what = "thread"
    elif isinstance(error, BlockingIOError) and error.filename is None:  # of fork(2): EAGAIN
        what = "process"
    else:
        return None
    return (
        f"the system starts no further {what} for this user or container → end other programs, or raise the limit "
        "(`ulimit -u`, TasksMax of systemd, pids.max of the container)"
    )


def internal_error(error: BaseException) -> str:
    """Return the text of a defect of our own: what it is, and below it the traceback."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return f"{INTERNAL} {described(error)}\n{mask_secrets(trace)}"


def text_of(error: BaseException) -> str:
    """Return the text of an exception; empty where it has none or cannot say it."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - other people's code
        return ""
