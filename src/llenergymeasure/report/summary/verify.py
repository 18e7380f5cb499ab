"""The outcome of `llem verify`: the findings of each bundle, and what no raw table can confirm."""

from __future__ import annotations

from llenergymeasure.domain.reports.verification import Finding, Verification, VerificationReport
from llenergymeasure.report.summary.document import Block, Document, Note, Notes, Paragraph
from llenergymeasure.report.summary.format import plural
from llenergymeasure.results import layout

MAX_FINDINGS = 20
"""Shown of one bundle; a changed trace changes every figure. The JSON document has them all."""


def verification_document(report: VerificationReport) -> Document:
    """Return the findings of each bundle, the number of bundles where there are several, and what is not checked."""
    blocks: list[Block] = [_bundle(bundle) for bundle in report.bundles]
    if len(report.bundles) > 1:
        blocks.append(Paragraph(text=_count(report)))
    if report.covered_by_sums_only:
        facts = ", ".join(report.covered_by_sums_only)
        text = (
            f"Facts in {layout.FACTS} that the checksums alone cover, because no raw table has them: {facts}."
        )
        blocks.append(Paragraph(text=text))
    return Document(blocks=tuple(blocks))


def _bundle(bundle: Verification) -> Notes:
    notes = [
        Note(lead="✗", tone="bad", text=_printable(_finding(each))) for each in bundle.findings[:MAX_FINDINGS]
    ]
    left = len(bundle.findings) - MAX_FINDINGS
    if left > 0:
        notes.append(Note(lead="✗", tone="bad", text=f"and {left:,} more; --json lists them all"))
    notes += [Note(lead="·", text=_printable(note)) for note in bundle.notes]
    status = "ok" if bundle.ok else "missing" if _is_missing(bundle) else "differs"
    return Notes(heading=f"{status:<8} {_printable(bundle.bundle)}", notes=tuple(notes))


def _is_missing(bundle: Verification) -> bool:
    """Whether there was nothing to compare."""
    return all(finding.file == "" for finding in bundle.findings)


def _finding(finding: Finding) -> str:
    return ": ".join(part for part in (finding.file, finding.field, finding.message) if part)


def _count(report: VerificationReport) -> str:
    holding = sum(bundle.ok for bundle in report.bundles)
    return f"{plural(len(report.bundles), 'bundle')}: {holding} ok, {len(report.bundles) - holding} differ"


def _printable(line: str) -> str:
    """Escape control characters: names and texts in a bundle may come from anybody."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
