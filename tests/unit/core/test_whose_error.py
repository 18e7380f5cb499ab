"""An exception of the calling program reaches it, whatever code of others it interrupts."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core import whose_error
from llenergymeasure.core.whose_error import is_the_programs
from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained
from llenergymeasure.orchestration.readiness.checks import check_backend_options
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend, installed


class BareTimeout(BaseException):
    """As test runners use it."""


class OrdinaryTimeout(Exception):
    """As most programs write it."""


class OwnInterrupt(KeyboardInterrupt):
    """A program's own class."""


class Handler:
    """A handler that is an object."""

    def __init__(self, raised: type[BaseException]) -> None:
        self._raised = raised

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        raise self._raised

    def method(self, _number: int, _frame: FrameType | None) -> None:
        raise self._raised


def _function(raised: type[BaseException], _number: int, _frame: FrameType | None) -> None:
    raise raised


HANDLERS: dict[str, Callable[[type[BaseException]], Any]] = {
    "object": Handler,
    "method": lambda raised: Handler(raised).method,
    "partial": lambda raised: functools.partial(_function, raised),
    "closure": lambda raised: lambda number, frame: _function(raised, number, frame),
}


@pytest.fixture
def _alarm_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)


class Slow(StandInBackend):
    """Is interrupted while it checks the configuration."""

    name = "slow"

    def check(self, config: ExperimentConfig) -> list[str]:
        os.kill(os.getpid(), signal.SIGALRM)
        raise RuntimeError("no signal came")


SLOW = Plugin(name="slow", target=f"{__name__}:Slow", install="pip install slow")


@pytest.mark.usefixtures("_alarm_handler")
@pytest.mark.parametrize("raised", [BareTimeout, OrdinaryTimeout, OwnInterrupt, SystemExit])
@pytest.mark.parametrize("kind", HANDLERS)
def test_what_an_alarm_raises_in_pre_flight_reaches_the_program(
    kind: str, raised: type[BaseException]
) -> None:
    signal.signal(signal.SIGALRM, HANDLERS[kind](raised))
    with installed("backends", SLOW), pytest.raises(raised):
        check_backend_options(ExperimentConfig(model="m", backend="slow"))


@pytest.mark.parametrize("raised", [BareTimeout(), OwnInterrupt(), GeneratorExit(), asyncio.CancelledError()])
def test_what_is_no_exception_is_the_programs(raised: BaseException) -> None:
    with pytest.raises(type(raised)), explained(BackendError):
        raise raised


@pytest.mark.parametrize(
    "raised",
    [
        SystemExit(3),
        RuntimeError("no"),
        OrdinaryTimeout("an Exception that no handler raised"),
        type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})("a tokenizer's defect"),
    ],
)
def test_exceptions_exits_and_panics_are_those_of_the_code_that_was_called(raised: BaseException) -> None:
    with pytest.raises(BackendError), explained(BackendError):
        raise raised


def test_where_no_program_calls_us_only_interrupts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whose_error, "_alone", True)
    assert not is_the_programs(BareTimeout())
    assert is_the_programs(OwnInterrupt())
