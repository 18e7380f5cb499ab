"""Claims about a result in the terminal and in a pipe."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.report.render import render
from llenergymeasure.report.renderers.console import draw
from llenergymeasure.report.summary.document import Document, Row, Rows
from llenergymeasure.report.summary.result import result_document, row_blocks
from tests.support.sample_results import estimated_result, measured_result, unmeasured_result

BUNDLE = Path("results/single/20260101T000000-smollm2-135m-instruct-01234567")
RESULTS = {"measured": measured_result(), "estimated": estimated_result(), "unmeasured": unmeasured_result()}


def drawn(result: ExperimentResult, width: int) -> str:
    out = io.StringIO()
    draw(result_document(result, BUNDLE), Console(file=out, width=width, highlight=False))
    return out.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", RESULTS)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(name: str, width: int) -> None:
    result = RESULTS[name]
    text = drawn(result, width)
    assert "…" not in text
    *lines, bundle = text.rstrip("\n").split("\n")
    assert bundle == f"Bundle: {BUNDLE}"
    assert max(map(len, lines)) <= width
    for block in row_blocks(result):
        for row in block.rows if isinstance(block, Rows) else ():
            assert words(row.label) in words(text)


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_reason_moves_no_method_to_the_right(width: int) -> None:
    """The reason has no method beside it."""
    rows = (
        Row(label="Idle power", value="16.00 W [1]", method="estimated"),
        Row(label="Marginal", value=f"unknown: {'not measured, ' * 9}at all", tone="unknown"),
    )
    out = io.StringIO()
    draw(Document(blocks=(Rows(rows=rows),)), Console(file=out, width=width, highlight=False))
    assert out.getvalue().splitlines()[0].rstrip() == "Idle power   16.00 W [1]   estimated"
    assert words("not measured, " * 9) in words(out.getvalue())


@pytest.mark.parametrize("width", [40, 80, 120])
def test_figures_stand_whole_at_every_width(width: int) -> None:
    text = words(drawn(measured_result(), width))
    for figure in ("9,235 ± 88 J", "0.9619 ± 0.0091 J/token", "301.8 ± 2.9 W"):
        assert figure in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_warnings_show_code_sentence_and_remedy(width: int) -> None:
    text = words(drawn(estimated_result(), width))
    assert "energy_estimated: Energy of CPU (estimate) is an estimate" in text
    assert "→ Make a meter readable" in text
    assert text.count("estimated") >= 10


def test_a_pipe_gets_plain_lines_without_escapes_and_one_row_a_line() -> None:
    out = io.StringIO()
    render(result_document(estimated_result(), BUNDLE), out)
    text = out.getvalue()
    assert "\x1b" not in text
    assert re.search(r"^Energy +9,235 ± 88 J +estimated$", text, re.MULTILINE)
    assert re.search(r"^warning energy_estimated: .*\n  → Make a meter readable", text, re.MULTILINE)
    assert text.endswith(f"\nBundle: {BUNDLE}\n")


def test_a_pipe_gets_the_reason_of_what_is_unknown() -> None:
    out = io.StringIO()
    render(result_document(unmeasured_result(), BUNDLE), out)
    assert re.search(r"^Energy +unknown: no energy was measured", out.getvalue(), re.MULTILINE)
