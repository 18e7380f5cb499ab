"""What `llem verify` prints can be read line by line, whatever a bundle holds."""

from __future__ import annotations

from llenergymeasure.domain.reports.verification import Finding, Verification, VerificationReport
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.verify import MAX_FINDINGS, verification_document

HOLDS = Verification(bundle="results/a", notes=("renamed",))
DIFFERS = Verification(
    bundle="results/b",
    findings=(
        Finding(file="trace.parquet", message="is missing"),
        Finding(
            file="result.json", field="total_energy_j", message="stored 1.0, recomputed 2.0", stored=1.0, recomputed=2.0
        ),
        Finding(file="", message="there is no bundle here"),
    ),
)  # fmt: skip


def _lines(*bundles: Verification) -> list[str]:
    report = VerificationReport(bundles=bundles, covered_by_sums_only=("model_info",))
    return plain_text(verification_document(report)).splitlines()


def test_each_bundle_has_a_line_with_its_findings_below() -> None:
    assert _lines(HOLDS, DIFFERS) == [
        "ok       results/a",
        "  · renamed",
        "",
        "differs  results/b",
        "  ✗ trace.parquet: is missing",
        "  ✗ result.json: total_energy_j: stored 1.0, recomputed 2.0",
        "  ✗ there is no bundle here",
        "",
        "2 bundles: 1 ok, 1 differ",
        "",
        "Facts in run.json that the checksums alone cover, because no raw table has them: model_info.",
    ]


def test_single_bundle_is_not_counted() -> None:
    assert "bundles" not in "\n".join(_lines(HOLDS))


def test_many_findings_are_counted_instead_of_listed() -> None:
    many = tuple(Finding(file="result.json", field=f"f{index}", message="differs") for index in range(1234))
    lines = _lines(Verification(bundle="b", findings=many))
    assert sum("✗" in line for line in lines) == MAX_FINDINGS + 1
    assert any("and 1,214 more" in line for line in lines)


def test_names_in_a_bundle_cannot_command_the_terminal() -> None:
    hostile = Verification(bundle="b\x1b[2J", findings=(Finding(file="x\ny\x07\u202e", message="é is fine"),))
    (head, finding, *_) = _lines(hostile)
    assert head == r"differs  b\x1b[2J"
    assert finding.endswith(r"✗ x\ny\x07\u202e: é is fine")


def test_document_of_a_report_has_no_number_that_json_lacks() -> None:
    endless = Verification(bundle="b", findings=(Finding(file="f", message="m", stored=float("inf")),))
    report = VerificationReport(bundles=(endless,), covered_by_sums_only=())
    assert '"stored":"Infinity"' in report.model_dump_json()
    assert '"ok":false' in report.model_dump_json()
