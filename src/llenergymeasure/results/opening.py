"""A bundle on disk, opened for reading: each file is read when it is first asked for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.exceptions import ExperimentError, LLEMError
from llenergymeasure.results import layout
from llenergymeasure.results.documents import DocumentError, read_document
from llenergymeasure.results.parquet.attribution import read_attribution
from llenergymeasure.results.parquet.requests import read_requests
from llenergymeasure.results.parquet.schedule import read_schedule
from llenergymeasure.results.parquet.steps import read_steps
from llenergymeasure.results.parquet.trace_phases import read_phases, read_trace
from llenergymeasure.results.stored_facts import read_facts

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig
    from llenergymeasure.domain.breakdowns.attribution import AttributionTable
    from llenergymeasure.domain.load.schedule_table import ScheduleTable
    from llenergymeasure.domain.reports.verification import Finding
    from llenergymeasure.domain.request_table import RequestTable
    from llenergymeasure.domain.step_table import StepTable
    from llenergymeasure.domain.trace import EnergyTrace, Phase

T = TypeVar("T")
SHOWN_CHARACTERS = 200
"""Of a path in an error."""


def open_bundle(path: str | Path) -> Bundle:
    """Open the folder of a bundle, or one of its files, or a result.json under any name, for reading.

    Bundles of the same major schema version are read: older ones are migrated in memory, what a newer one added is
    ignored.

    Raises:
        ExperimentError: there is no bundle.
    """
    wrong = what_is_wrong_with(path)
    if wrong:
        raise ExperimentError(f"{shortened(path)} {wrong}")
    given = folder_of(path)
    if given.is_file():
        return Bundle(given.parent, result_file=given.name)
    if given.resolve().parent.name == layout.JOBS:
        raise ExperimentError(
            f"{given} is the job folder of a run that goes on or was killed, not a bundle: its log is worker.log, its "
            f"samples and requests are in spool/. A bundle lies in {given.resolve().parent.parent} when a run has ended"
        )
    if not _has_bundle(given):
        raise ExperimentError(
            f"{given} is not a bundle: there is no {layout.RESULT} and no {layout.FACTS}{_within(given)}"
        )
    return Bundle(given)


def what_is_wrong_with(path: str | Path) -> str | None:
    """Return why nothing can be read at a path, as the end of a sentence; None for a folder or a plain file."""
    if path == "":
        return "names no bundle: the path is empty, perhaps because a variable was not set"
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        link = os.path.islink(path)
        return f"is a link to {os.readlink(path)}, which does not exist" if link else "does not exist"
    except (NotADirectoryError, ValueError):  # a null character is in no name
        return "does not exist"
    except OSError as error:
        circle = error.errno == errno.ELOOP
        return f"cannot be opened: {'its links lead in a circle' if circle else error.strerror}"
    plain = stat.S_ISDIR(mode) or stat.S_ISREG(mode)
    return None if plain else "is neither a folder nor a plain file"


def folder_of(path: str | Path) -> Path:
    """Return the bundle that a path names by one of its files; another path as it is."""
    given = Path(path)
    named = given.name in (*layout.FILES, layout.CHECKSUMS) and given.is_file() and _has_bundle(given.parent)
    return given.parent if named else given


def shortened(path: str | Path) -> str:
    """Return the start of a path that is longer than any that exists."""
    text = repr(path) if path == "" else str(path)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _has_bundle(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (layout.RESULT, layout.FACTS))


def _within(folder: Path) -> str:
    """Return the newest bundle below a folder of bundles, for whoever names that folder."""
    try:
        facts = [*folder.glob(f"*/{layout.FACTS}"), *folder.glob(f"*/*/{layout.FACTS}")]
        newest = max(facts, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return ""
    return f"; its newest bundle is {newest.parent}" if newest else ""


class Bundle:
    """A bundle of a run that ended or was interrupted. Every property raises ExperimentError for an unusable file."""

    def __init__(self, path: Path, *, result_file: str = layout.RESULT) -> None:
        self.path = path
        self._result_file = result_file

    @cached_property
    def result(self) -> ExperimentResult:
        """The figures; an interrupted run has none."""
        name = self._result_file
        result = self._read(name, lambda path: read_document(path, ExperimentResult, layout.RESULT).value)
        return result.read_from(self.path)

    @cached_property
    def facts(self) -> RunFacts:
        """What the run recorded beside its tables."""
        return self._read(layout.FACTS, lambda path: read_facts(path.parent).value)

    @cached_property
    def config(self) -> ExperimentConfig:
        """The resolved configuration."""
        from llenergymeasure.results.stored_config import read_config

        return self._read(layout.CONFIG, lambda path: read_config(path).value)

    @property
    def config_text(self) -> str:
        """The configuration as it is written in the bundle."""
        return self._read(layout.CONFIG, lambda path: path.read_text(encoding="utf-8"))

    @cached_property
    def trace(self) -> EnergyTrace:
        """The readings of every meter."""
        return self._read(layout.TRACE, read_trace)

    @cached_property
    def requests(self) -> RequestTable:
        """The requests, as they were served."""
        return self._read(layout.REQUESTS, read_requests)

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the run."""
        return self._read(layout.PHASES, read_phases)

    @cached_property
    def steps(self) -> StepTable | None:
        """The engine's steps; None where the backend reported none."""
        return self._read(layout.STEPS, read_steps) if (self.path / layout.STEPS).exists() else None

    @cached_property
    def schedule(self) -> ScheduleTable | None:
        """What was planned before it was due; None where the load has no times of its own."""
        exists = (self.path / layout.SCHEDULE).exists()
        return self._read(layout.SCHEDULE, read_schedule) if exists else None

    @cached_property
    def attribution(self) -> AttributionTable | None:
        """The energy of each request; None where it is unknown, as the result says in `unknown`."""
        exists = (self.path / layout.ATTRIBUTION).exists()
        return self._read(layout.ATTRIBUTION, read_attribution) if exists else None

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended before its last repeat, as its facts say; a result without facts is complete."""
        return (self.path / layout.FACTS).exists() and self.facts.interrupted is not None

    def check_sums(self) -> tuple[Finding, ...]:
        """Compare the files with SHA256SUMS; empty where all agree."""
        from llenergymeasure.results.untrusted.files import check_files

        return check_files(self.path).findings

    def count_rows(self, name: str) -> int:
        """Return the number of rows of a raw table by its file name, without reading it."""
        import pyarrow.parquet as pq

        return self._read(name, lambda path: int(pq.read_metadata(path).num_rows))

    def _read(self, name: str, reader: Callable[[Path], T]) -> T:
        path = self.path / name
        try:
            return reader(path)
        except LLEMError:
            raise
        except FileNotFoundError:
            raise ExperimentError(f"{self.path} is incomplete: there is no {name}") from None
        except DocumentError as error:
            raise ExperimentError(f"{path} {error}") from None
        except Exception as error:  # noqa: BLE001 - a damaged table breaks its reader in many ways
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ExperimentError(
                f"{path} cannot be read: it is damaged, or llem did not write it ({reason[:200]})"
            ) from None
