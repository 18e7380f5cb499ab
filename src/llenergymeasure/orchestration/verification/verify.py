"""Whether a bundle is what a run wrote: its sums hold, and every figure follows from its raw tables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llenergymeasure.constants import VERSION
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.reports.verification import Finding, Verification, VerificationReport
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.orchestration.verification.attribution_differences import attribution_differences
from llenergymeasure.orchestration.verification.contradictions import (
    phase_contradictions,
    trace_contradictions,
)
from llenergymeasure.orchestration.verification.differences import (
    ABSENT,
    Difference,
    differences,
    unless_default,
)
from llenergymeasure.orchestration.verification.request_contradictions import request_contradictions
from llenergymeasure.orchestration.verification.schedule_contradictions import schedule_contradictions
from llenergymeasure.orchestration.verification.step_contradictions import (
    step_contradictions,
    unlike_requests,
)
from llenergymeasure.results import layout
from llenergymeasure.results.opening import folder_of, shortened, what_is_wrong_with
from llenergymeasure.results.stored_config import unchecked_plugins, with_defaults
from llenergymeasure.results.untrusted.bundle import UntrustedBundle, read_untrusted
from llenergymeasure.results.untrusted.files import check_files, name_text
from llenergymeasure.results.untrusted.tables import error_text
from llenergymeasure.results.versions import DRAFT

HASHES = ("config_hash", "experiment_hash")
CHECKED_FACTS = frozenset({"schema_version", "steps", "scheduled"})
COVERED_BY_SUMS_ONLY = tuple(name for name in RunFacts.model_fields if name not in CHECKED_FACTS)
"""Facts of `run.json`: recomputing takes them as they are."""
SHOWN_CHARACTERS = 80


@dataclass(frozen=True, kw_only=True)
class Recomputation:
    """What differs from the figures that follow from the tables, and the fields that are not known here."""

    recomputed: bool = False
    """Whether the bundle could be recomputed."""
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


def verify_paths(*paths: str | Path) -> VerificationReport:
    """Check bundles, and the bundles within folders; what cannot be read is a finding, never an error."""
    bundles = tuple(verification for path in paths for verification in _verify_path(path))
    recomputed = any(each.recomputed for each in bundles)
    return VerificationReport(
        bundles=bundles, covered_by_sums_only=COVERED_BY_SUMS_ONLY if recomputed else ()
    )


def verify_bundle(folder: Path) -> Verification:
    """Check the files of a bundle against its sums, its tables against each other, its figures against its tables."""
    files = check_files(folder)
    stored = read_untrusted(folder, files.readable)
    figures = _recompute(stored)
    findings = [
        *files.findings,
        *(Finding(file=name, message="is missing") for name in files.missing if _is_required(name, stored)),
        *stored.findings,
        *_contradictions(stored),
        *figures.findings,
    ]
    notes = tuple(_notes(folder, stored, (*stored.unknown, *figures.unknown)))
    return Verification(
        bundle=name_text(folder), findings=tuple(findings), notes=notes, recomputed=figures.recomputed
    )


def raw_run(stored: UntrustedBundle) -> RawRun | None:
    """Return what the run left behind, as far as the bundle has it whole; None where a part of it is missing."""
    facts, trace, phases, requests = stored.facts, stored.trace, stored.phases, stored.requests
    if facts is None or trace is None or phases is None or requests is None:
        return None
    if facts.steps is not None and stored.steps is None:
        return None
    if facts.scheduled is not None and stored.schedule is None:
        return None
    return RawRun(
        facts=facts,
        trace=trace,
        phases=phases,
        requests=requests,
        steps=stored.steps,
        schedule=stored.schedule,
    )


def _is_required(name: str, stored: UntrustedBundle) -> bool:
    """An interrupted run has no result; a draft of schema 2.0.0 has its facts in the result."""
    if name == layout.RESULT:
        return not stored.is_interrupted
    if name == layout.ATTRIBUTION:
        return stored.result is not None and stored.result.attribution is not None
    if name == layout.SERVER_LOG:
        return False
    if name == layout.STEPS:
        return stored.facts is not None and stored.facts.steps is not None
    if name == layout.SCHEDULE:
        return stored.facts is not None and stored.facts.scheduled is not None
    return name != layout.FACTS or stored.version != DRAFT


def _verify_path(path: str | Path) -> Iterator[Verification]:
    wrong = what_is_wrong_with(path)
    folders = [] if wrong else list(_bundles(folder_of(path)))
    if not folders:
        message = wrong or ("there is no bundle here" if os.path.isdir(path) else "is no file of a bundle")
        name = name_text(shortened(path))
        yield Verification(bundle=name, findings=(Finding(file="", message=message),))
    for folder in folders:
        yield verify_bundle(folder)


def _bundles(path: Path) -> Iterator[Path]:
    """Yield the bundles at and below a folder, by name; links and hidden folders below it are left alone."""
    unreadable: list[OSError] = []
    for folder, subfolders, files in os.walk(path, onerror=unreadable.append):
        if {layout.RESULT, layout.CHECKSUMS, *layout.TABLES} & set(files):
            subfolders.clear()
            yield Path(folder)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
    yield from (Path(error.filename) for error in unreadable if os.path.isdir(error.filename))


def _contradictions(stored: UntrustedBundle) -> Iterator[Finding]:
    if stored.trace is not None:
        yield from trace_contradictions(stored.trace)
    if stored.phases is not None:
        yield from phase_contradictions(stored.phases)
    if stored.requests is not None:
        yield from request_contradictions(stored.requests, stored.phases)
    if stored.steps is not None and stored.facts is not None:
        yield from step_contradictions(stored.steps, stored.facts.steps)
        if stored.requests is not None and _has_every_step(stored, stored.requests):
            yield from unlike_requests(stored.steps, stored.requests)

    if stored.schedule is not None and stored.facts is not None:
        yield from schedule_contradictions(
            stored.schedule, stored.facts.scheduled, stored.requests, is_whole=not stored.is_interrupted
        )


def _has_every_step(stored: UntrustedBundle, requests: RequestTable) -> bool:
    """Whether steps and requests have done the same: no request failed, and none was left to a server."""
    offline = stored.config is not None and stored.config.load.kind == "offline"
    return offline and not stored.is_interrupted and bool(requests.is_ok().all())


def _recompute(stored: UntrustedBundle) -> Recomputation:
    """Return what differs from the figures that follow from the tables."""
    raw = raw_run(stored)
    if raw is None or stored.result is None or stored.config is None:
        return Recomputation()
    try:
        assembled = assemble(stored.config, raw)
    except Exception as error:  # noqa: BLE001 - tables that nobody wrote can break any formula
        message = f"the figures cannot be recomputed from the tables: {error_text(error)}"
        return Recomputation(findings=(Finding(file=layout.RESULT, message=message),))
    expected = {**_document(assembled.result), "schema_version": raw.facts.schema_version}
    differing = list(differences(stored.result.model_dump(mode="json", exclude_unset=True), expected))
    if any(each.stored is ABSENT for each in differing):
        filled = {**_document(stored.result), "config": with_defaults(stored.result.config)}
        differing = list(unless_default(differing, filled, expected))
    if stored.is_older:  # it has no field that was added since; entries of lists are no such fields
        differing = [each for each in differing if each.stored is not ABSENT or each.field.endswith("]")]
    if unchecked_plugins(stored.config):
        differing = [each for each in differing if each.field not in HASHES]
    unknown = [each for each in differing if stored.is_newer and each.recomputed is ABSENT]
    return Recomputation(
        recomputed=True,
        findings=(
            *(_finding(each) for each in differing if each not in unknown),
            *attribution_differences(stored.attribution, assembled.attribution),
        ),
        unknown=tuple(f"{each.field} of {layout.RESULT}" for each in unknown),
    )


def _document(result: ExperimentResult) -> dict[str, Any]:
    document: dict[str, Any] = result.model_dump(mode="json")
    return document


def _finding(difference: Difference) -> Finding:
    stored, recomputed = difference.stored, difference.recomputed
    return Finding(
        file=layout.RESULT,
        field=difference.field,
        message=f"stored {_shown(stored)}, recomputed {_shown(recomputed)}",
        stored=None if stored is ABSENT else stored,
        recomputed=None if recomputed is ABSENT else recomputed,
    )


def _shown(value: Any) -> str:
    text = "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _notes(folder: Path, stored: UntrustedBundle, unknown: Sequence[str]) -> Iterator[str]:
    if stored.is_interrupted:
        yield "the run was interrupted: there is no result to recompute; sums and tables were checked"
    absent = unchecked_plugins(stored.config) if stored.config else ()
    if absent:
        yield (
            f"options of {', '.join(absent)} and config_hash were not checked, nor experiment_hash, which contains it: "
            "the plugin is not installed here"
        )
    if stored.facts is None:
        return
    name = stored.facts.experiment_id
    if (
        re.fullmatch(rf"{re.escape(name)}({re.escape(layout.INTERRUPTED)})?(-\d+)?", folder.resolve().name)
        is None
    ):
        yield f"the folder is named otherwise than its experiment, {name}: renamed or copied"
    if stored.is_older and not stored.is_interrupted:
        yield f"written by an older schema version, {stored.version}: it does not state figures that were added since"
    if unknown:
        yield f"written by a newer schema version, {stored.version}: not recomputed: {', '.join(unknown)}"
    written_by = stored.facts.tool_version
    if written_by != VERSION:
        yield (
            f"written by llenergymeasure {written_by}, checked by {VERSION}: "
            f"a formula may have changed in between; check differences with {written_by}"
        )
