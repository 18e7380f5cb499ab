"""A new renderer is one module and one line in the table: every report can then be written in its format."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from llenergymeasure.report.render import RENDERERS
from llenergymeasure.report.summary.document import Document, Rows
from tests.support.bundles import write_run


def render_tabs(document: Document, out: IO[str]) -> None:
    """Write the rows of a document with tabs between their cells."""
    for block in document.blocks:
        for row in block.rows if isinstance(block, Rows) else ():
            out.write(f"{row.label}\t{row.value}\n")


@pytest.fixture(autouse=True)
def tabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a module with a renderer, and name it in the table."""
    module = types.ModuleType("thrown_away_renderer")
    module.__dict__["render"] = render_tabs
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(RENDERERS, "tabs", f"{module.__name__}:render")


@pytest.mark.parametrize("options", [(), ("--uncertainty",)])
def test_a_result_and_its_budgets_are_written_in_the_new_format(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    ended = CliRunner().invoke(app, ["show", str(write_run(tmp_path)), "--format", "tabs", *options])
    assert ended.exit_code == 0, ended.output
    assert "Energy per output token\t" in ended.stdout


def test_an_interrupted_run_is_written_in_the_new_format(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["show", str(write_run(tmp_path, interrupted=True)), "--format", "tabs"])
    assert "baseline_idle\t2.00 s, 160.0 J\n" in ended.stdout


def test_an_unknown_format_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["show", str(write_run(tmp_path)), "--format", "pdf"])
    assert ended.exit_code == 2
    assert "unknown format 'pdf'; there are: console, plain, tabs" in ended.output
