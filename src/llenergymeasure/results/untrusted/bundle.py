"""A bundle read without trust: each file is bounded and validated, and what cannot be read is a finding."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.attribution import AttributionTable
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.load.schedule_table import ScheduleTable
from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.results import layout
from llenergymeasure.results.documents import DocumentError, Parsed, read_document
from llenergymeasure.results.parquet.attribution import read_attribution, write_attribution
from llenergymeasure.results.parquet.requests import read_requests, write_requests
from llenergymeasure.results.parquet.schedule import read_schedule, write_schedule
from llenergymeasure.results.parquet.steps import read_steps, write_steps
from llenergymeasure.results.parquet.trace_phases import read_phases, read_trace, write_phases, write_trace
from llenergymeasure.results.stored_config import read_config
from llenergymeasure.results.stored_facts import read_facts
from llenergymeasure.results.untrusted.tables import TableFormat, read_table
from llenergymeasure.results.versions import is_newer, is_older

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class UntrustedBundle:
    """What could be read of a bundle; None for a file that is missing or cannot be used."""

    version: str | None
    """The schema version of its facts."""
    is_newer: bool
    """Whether a newer version than this one wrote it."""
    is_older: bool
    """Whether an older version than this one wrote it."""
    result: ExperimentResult | None
    facts: RunFacts | None
    config: ExperimentConfig | None
    trace: EnergyTrace | None
    requests: RequestTable | None
    phases: tuple[Phase, ...] | None
    steps: StepTable | None
    schedule: ScheduleTable | None
    attribution: AttributionTable | None
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    """Fields and columns that a newer version added; they cannot be recomputed here."""

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended before its last repeat, as its facts say."""
        return self.facts is not None and self.facts.interrupted is not None


def read_untrusted(folder: Path, readable: Collection[str]) -> UntrustedBundle:
    """Read those files of a bundle that are named in `readable`."""
    findings: list[Finding] = []
    unknown: list[Finding] = []

    def document(name: str, read: Callable[[Path], Parsed[M]]) -> Parsed[M] | None:
        parsed, faults = _read_document(folder / name, read) if name in readable else (None, [])
        findings.extend(fault for fault in faults if fault not in findings)  # a draft's result is read twice
        unknown.extend(_unknown(name, parsed.unknown if parsed else ()))
        return parsed

    def raw(name: str, rows: TableFormat[T]) -> T | None:
        if name not in readable:
            return None
        table = read_table(folder / name, rows)
        findings.extend(table.findings)
        unknown.extend(_unknown(name, table.unknown))
        return table.records

    facts = document(_facts_file(folder), lambda path: read_facts(path.parent))
    version = facts.version if facts else None
    newer = version is not None and is_newer(version)
    result = document(layout.RESULT, lambda path: read_document(path, ExperimentResult, layout.RESULT))
    config = document(layout.CONFIG, read_config if newer else _known_config)
    trace = raw(layout.TRACE, TableFormat(read=read_trace, write=write_trace))
    requests = raw(layout.REQUESTS, TableFormat(read=read_requests, write=write_requests))
    steps = raw(layout.STEPS, TableFormat(read=read_steps, write=write_steps))
    schedule = raw(layout.SCHEDULE, TableFormat(read=read_schedule, write=write_schedule))
    attribution = raw(layout.ATTRIBUTION, TableFormat(read=read_attribution, write=write_attribution))
    phases = raw(layout.PHASES, TableFormat(read=read_phases, write=write_phases, row=Phase))
    return UntrustedBundle(
        version=version,
        is_newer=newer,
        is_older=version is not None and is_older(version),
        result=result.value if result else None,
        facts=facts.value if facts else None,
        config=config.value if config else None,
        trace=trace,
        requests=requests,
        phases=phases,
        steps=steps,
        schedule=schedule,
        attribution=attribution,
        findings=tuple(findings if newer else [*findings, *unknown]),
        unknown=tuple(f"{each.field} of {each.file}" for each in unknown) if newer else (),
    )


def _facts_file(folder: Path) -> str:
    """Return the file with the facts; drafts of schema 2.0.0 had them in their result."""
    return layout.FACTS if os.path.lexists(folder / layout.FACTS) else layout.RESULT


def _read_document(path: Path, read: Callable[[Path], Parsed[M]]) -> tuple[Parsed[M] | None, list[Finding]]:
    try:
        return read(path), []
    except FileNotFoundError:
        return None, []  # missing files are found by their names
    except ConfigError as error:
        return None, [Finding(file=path.name, message=_without_folder(error, path))]
    except DocumentError as error:
        return None, [
            Finding(file=path.name, field=fault.field, message=fault.message, stored=fault.stored)
            for fault in error.faults
        ]


def _known_config(path: Path) -> Parsed[ExperimentConfig]:
    """Read a configuration without unknown fields; those are refused with their line."""
    parsed = read_config(path)
    return Parsed(value=load_config(path), version=parsed.version) if parsed.unknown else parsed


def _unknown(file: str, fields: Iterable[str]) -> list[Finding]:
    return [
        Finding(file=file, field=name, message="breaks the schema: there is no such field") for name in fields
    ]


def _without_folder(error: ConfigError, path: Path) -> str:
    return str(error).replace(f"{path.parent}/", "").removeprefix(f"{path.name} ")
