"""The steps of a run's engine as it goes on, as the backend reports them."""

from __future__ import annotations

from llenergymeasure.backends.base import ReportsSteps
from llenergymeasure.domain.step_table import StepTable


class StepLog:
    """A growing step table; nothing is known until an engine has reported for the first time."""

    def __init__(self) -> None:
        self._parts: list[StepTable] | None = None

    def take(self, engine: ReportsSteps) -> None:
        """Add what an engine has done since the last call.

        Raises:
            BackendError: it failed to say so.
        """
        steps = engine.steps()
        if steps is not None:
            table = steps if isinstance(steps, StepTable) else StepTable.from_records(steps)
            self._parts = [*(self._parts or ()), table]

    def table(self) -> StepTable | None:
        """Return what was reported until now; None where nothing ever was."""
        return None if self._parts is None else StepTable.concatenate(self._parts)
