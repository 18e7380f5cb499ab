"""The findings of `llem verify`."""

from __future__ import annotations

from typing import Any

from pydantic import computed_field

from llenergymeasure.core.record import Record


class Finding(Record):
    """One thing that does not hold: in which file, in which field of it, and how."""

    file: str
    """Name inside the bundle; empty where it is the folder itself."""
    field: str | None = None
    """Such as `repeats[1].energy_j`, a column of a table, or a request."""
    message: str
    stored: Any = None
    recomputed: Any = None


class Verification(Record):
    """The findings of one bundle; it is valid where there are none. `notes` are no faults.

    `recomputed` says whether its figures could be: not of an interrupted run, nor where a file cannot be read.
    """

    bundle: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    recomputed: bool = False

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether nothing contradicts anything that can be checked."""
        return not self.findings


class VerificationReport(Record):
    """All bundles that were asked for; `covered_by_sums_only` names what no raw table of theirs can confirm.

    It is empty where no figure was recomputed.
    """

    bundles: tuple[Verification, ...]
    covered_by_sums_only: tuple[str, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether no bundle has findings."""
        return all(each.ok for each in self.bundles)
