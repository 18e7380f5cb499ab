"""The errors a user can act on; each class carries the exit code of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LLEMError(Exception):
    """Base of every error this package raises on purpose; its text says what, where and what to do.

    `bundle` is what was kept of a run that failed.
    """

    exit_code: int = 1
    bundle: Path | None = None


class ConfigError(LLEMError):
    """The configuration cannot be used as written."""

    exit_code = 2


class PreFlightError(LLEMError):
    """The machine is not ready for the experiment; the text lists every problem at once, `failures` has them singly."""

    exit_code = 3

    def __init__(self, text: str, failures: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.failures = tuple(failures) or (text,)

    @classmethod
    def listing(cls, failures: Sequence[str]) -> PreFlightError:
        """Return the error with one line for each failure."""
        lines = [f"Pre-flight failed: {len(failures)} issue(s) found", *(f"  ✗ {each}" for each in failures)]
        return cls("\n".join(lines), failures)


class PluginError(LLEMError):
    """An installed plugin cannot be imported, or its entry point names no declaration."""

    exit_code = 3

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(f"{reason} → {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class BackendError(LLEMError):
    """The inference software failed: load, out of memory, generation."""

    exit_code = 4


class MeterError(LLEMError):
    """An energy source failed or cannot be read."""

    exit_code = 5


class MeterUnavailable(MeterError):
    """A meter, or the library it reads through, cannot be used on this machine.

    `reason` says why, `remedy` is the command that fixes it (None: nothing does).
    """

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(f"{reason} → {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class ExperimentError(LLEMError):
    """The measurement itself failed, or its result cannot be written or read."""

    exit_code = 6

    def __init__(self, message: str, bundle: Path | None = None) -> None:
        super().__init__(message)
        self.bundle = bundle


class StudyError(LLEMError):
    """A study of several experiments failed."""

    exit_code = 7


class InvalidResultError(LLEMError):
    """A strict run was measured, and its verdict is invalid; the bundle is kept."""

    exit_code = 8


class VerificationError(LLEMError):
    """A bundle does not hold: a file or a figure in it is not what was measured."""

    exit_code = 9


class InterruptedExperimentError(ExperimentError):
    """The user or the system stopped the run; what was measured until then is kept."""

    exit_code = 130


def error_named(name: str | None) -> type[LLEMError]:
    """Return the class of that name; `ExperimentError` for one that only a newer release has."""
    found = globals().get(name or "")
    return found if isinstance(found, type) and issubclass(found, LLEMError) else ExperimentError
