"""What `llem verify` prints: a line per bundle, what does not hold under it, and how far checking reaches."""

from __future__ import annotations

from collections.abc import Iterator

from llenergymeasure.domain.verification import Finding, Verification, VerificationReport
from llenergymeasure.report.summary.format import plural

MAX_FINDINGS = 20
"""Shown of one bundle; a changed trace changes every figure. The JSON document has them all."""


def verification_text(report: VerificationReport) -> str:
    """Return the lines, ended by a count where there is more than one bundle."""
    lines = [line for bundle in report.bundles for line in _bundle(bundle)]
    if len(report.bundles) > 1:
        lines.append(_count(report))
    facts = ", ".join(report.covered_by_sums_only)
    lines += ["", f"Covered by the sums alone, since no raw table holds them: {facts}.", ""]
    return "\n".join(_printable(line) for line in lines)


def _bundle(bundle: Verification) -> Iterator[str]:
    yield f"{'ok' if bundle.ok else 'differs':<8} {bundle.bundle}"
    for finding in bundle.findings[:MAX_FINDINGS]:
        yield f"         ✗ {_finding(finding)}"
    left = len(bundle.findings) - MAX_FINDINGS
    if left > 0:
        yield f"         ✗ and {left:,} more; --json lists them all"
    for note in bundle.notes:
        yield f"         · {note}"


def _finding(finding: Finding) -> str:
    return ": ".join(part for part in (finding.file, finding.field, finding.message) if part)


def _count(report: VerificationReport) -> str:
    holding = sum(bundle.ok for bundle in report.bundles)
    return f"{plural(len(report.bundles), 'bundle')}: {holding} ok, {len(report.bundles) - holding} differ"


def _printable(line: str) -> str:
    """Escape what would command the terminal: names and texts in a bundle are anybody's."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
