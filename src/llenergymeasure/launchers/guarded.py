"""A launcher whose every call is explained: what its code raises becomes one sentence that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from llenergymeasure import plugins
from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.domain.job import Outcome
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.exceptions import ExperimentError, LLEMError, PreFlightError
from llenergymeasure.foreign_code import explained
from llenergymeasure.launchers.base import Launcher, Running


class GuardedLauncher:
    """The launcher that a configuration names."""

    def __init__(self, config: LauncherConfig) -> None:
        """Make the launcher.

        Raises:
            LLEMError: it does not import, or cannot be made.
        """
        self._name = config.kind
        launcher = plugins.find("launchers", config.kind)
        with explained(_failing(self._name, "when it was made", PreFlightError)):
            self._launcher: Launcher = launcher(config)

    def submit(self, folder: Path) -> Running:
        """Start a worker; see `Launcher`."""
        with explained(_failing(self._name, "in submit()", PreFlightError)):
            return _GuardedRun(self._name, self._launcher.submit(folder))


class _GuardedRun:
    """A job that was submitted; see `Running`."""

    def __init__(self, name: str, running: Running) -> None:
        self._name = name
        self._running = running

    def events(self) -> Iterator[RunEvent]:
        as_error = _failing(self._name, "in events()")
        with explained(as_error):
            for event in self._running.events():
                if not isinstance(event, RunEvent):
                    raise as_error(f"one of the events is of type {type(event).__name__}")
                yield event

    def interrupt(self) -> None:
        with explained(_failing(self._name, "in interrupt()")):
            self._running.interrupt()

    def wait(self) -> Outcome:
        as_error = _failing(self._name, "in wait()")
        with explained(as_error):
            outcome = self._running.wait()
        if not isinstance(outcome, Outcome):
            raise as_error(f"the outcome is of type {type(outcome).__name__}")
        return outcome


def _failing(name: str, where: str, kind: type[LLEMError] = ExperimentError) -> Callable[[str], LLEMError]:
    return lambda cause: kind(
        f"launcher '{name}' failed {where}: {cause} → report it to the authors of the launcher, or set another one"
    )
