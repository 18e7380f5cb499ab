"""A bundle read without trust: each file is bounded and validated, and what cannot be read is a finding."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.domain.verification import Finding
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.results import layout
from llenergymeasure.results.request_parquet import read_requests, write_requests
from llenergymeasure.results.tables import read_phases, read_trace, write_phases, write_trace
from llenergymeasure.results.untrusted.tables import read_table

MAX_RESULT_BYTES = 16 * 2**20
MAX_FAULTS = 20
"""Faults of one file that are told one by one."""

T = TypeVar("T")
M = TypeVar("M", ExperimentResult, RunFacts)


@dataclass(frozen=True, kw_only=True)
class UntrustedBundle:
    """What could be read of a bundle; None for a file that is missing or cannot be used."""

    result: ExperimentResult | None
    facts: RunFacts | None
    config: ExperimentConfig | None
    trace: EnergyTrace | None
    requests: RequestTable | None
    phases: tuple[Phase, ...] | None
    findings: tuple[Finding, ...]


def read_untrusted(folder: Path, readable: Collection[str]) -> UntrustedBundle:
    """Read those files of a bundle that are named in `readable`."""
    findings: list[Finding] = []

    def read(name: str, reader: Callable[[Path], tuple[T | None, list[Finding]]]) -> T | None:
        if name not in readable:
            return None
        value, found = reader(folder / name)
        findings.extend(found)
        return value

    return UntrustedBundle(
        result=read(layout.RESULT, partial(_read_document, model=ExperimentResult)),
        facts=read(layout.FACTS, partial(_read_document, model=RunFacts)),
        config=read(layout.CONFIG, _read_config),
        trace=read(layout.TRACE, lambda path: read_table(path, read_trace, write_trace)),
        requests=read(layout.REQUESTS, lambda path: read_table(path, read_requests, write_requests)),
        phases=read(layout.PHASES, lambda path: read_table(path, read_phases, write_phases, Phase)),
        findings=tuple(findings),
    )


def _read_config(path: Path) -> tuple[ExperimentConfig | None, list[Finding]]:
    try:
        return load_config(path), []
    except ConfigError as error:
        return None, [Finding(file=path.name, message=_without_folder(error, path))]


def _without_folder(error: ConfigError, path: Path) -> str:
    return str(error).replace(f"{path.parent}/", "").removeprefix(f"{path.name} ")


def _read_document(path: Path, model: type[M]) -> tuple[M | None, list[Finding]]:
    try:
        text = _bounded_text(path)
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse_constant)
    except RecursionError:
        return None, [Finding(file=path.name, message="cannot be read: it is nested too deeply")]
    except (OSError, ValueError) as error:
        return None, [Finding(file=path.name, message=f"cannot be read: {error}")]
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        message = f"has schema version {version!r}; this version of llem verifies {SCHEMA_VERSION}"
        return None, [Finding(file=path.name, field="schema_version", message=message, stored=version)]
    try:
        return model.model_validate_json(text, strict=True), []
    except ValidationError as error:
        return None, list(_faults(path.name, error))


def _bounded_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_RESULT_BYTES + 1)
    if len(content) > MAX_RESULT_BYTES:
        raise ValueError(f"it is larger than {MAX_RESULT_BYTES // 2**20} MiB")
    return content.decode("utf-8")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: one reader would take the first value, another the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _faults(file: str, error: ValidationError) -> Iterator[Finding]:
    for fault in error.errors(include_url=False)[:MAX_FAULTS]:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
        yield Finding(
            file=file, field=where.lstrip(".") or None, message=f"breaks the schema: {fault['msg']}"
        )
    if error.error_count() > MAX_FAULTS:
        yield Finding(
            file=file, message=f"breaks the schema in {error.error_count() - MAX_FAULTS} more places"
        )
