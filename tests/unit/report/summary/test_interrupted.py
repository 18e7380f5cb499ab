"""Claims about what is shown of an interrupted run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import Phase
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.document import Document, Row, Rows
from llenergymeasure.report.summary.interrupted import (
    interrupted_document,
    interrupted_run_json,
    read_interrupted_run,
)
from llenergymeasure.results import layout
from llenergymeasure.results.bundle import facts_json
from llenergymeasure.results.opening import open_bundle
from llenergymeasure.results.parquet.requests import write_requests
from llenergymeasure.results.parquet.trace_phases import write_phases, write_trace
from tests.support.bundles import write_run

PHASES = (
    Phase(name="baseline_idle", start_unix_ns=0, end_unix_ns=3_000_000_000),
    Phase(name="window", repeat=1, start_unix_ns=0, end_unix_ns=500_000_000, complete=False),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "run.interrupted"
    folder.mkdir()
    (folder / layout.CONFIG).write_text("model: x\n")
    facts = RunFacts(experiment_id="run", interrupted="stopped by a signal")
    (folder / layout.FACTS).write_text(facts_json(facts))
    write_phases(PHASES, folder / layout.PHASES)
    write_requests(RequestTable.empty(), folder / layout.REQUESTS)
    write_trace(Unmetered().trace(), folder / layout.TRACE)
    return folder


def test_the_phases_so_far_are_shown_with_their_durations(bundle: Path) -> None:
    text = plain_text(interrupted_document(read_interrupted_run(open_bundle(bundle))))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "baseline_idle 3.00 s" in lines
    assert "window 2 0.50 s (broken off)" in lines
    assert "trace.parquet 0 rows" in lines
    assert f"Repeat it: llem run {bundle / 'config.yaml'}" in lines


def test_as_json_it_says_that_it_is_no_result(bundle: Path) -> None:
    document = json.loads(json.dumps(interrupted_run_json(read_interrupted_run(open_bundle(bundle)))))
    assert document["interrupted"] is True
    assert document["reason"] == "stopped by a signal"
    assert [phase["duration_s"] for phase in document["phases"]] == [3.0, 0.5]


def test_a_broken_table_is_an_error_with_its_folder(bundle: Path) -> None:
    (bundle / layout.TRACE).write_bytes(b"no parquet")
    with pytest.raises(ExperimentError, match=r"run\.interrupted/trace\.parquet cannot be read"):
        read_interrupted_run(open_bundle(bundle))


def test_what_was_measured_until_then_is_shown_with_its_energy(tmp_path: Path) -> None:
    run = read_interrupted_run(open_bundle(write_run(tmp_path, "run.interrupted", interrupted=True)))
    shown = {row.label: row for row in _rows(interrupted_document(run))}
    assert shown["baseline_idle"].value == "2.00 s, 160.0 J"
    assert shown["window 1"].value == "2.00 s, 600.0 J, 160 output tokens, 3.750 J/token"
    assert shown["window 1"].method == "counter"
    phases = interrupted_run_json(run)["phases"]
    assert [phase["energy_j"] for phase in phases if phase["name"] == "window"] == pytest.approx([600.0] * 3)


def test_energies_that_are_unknown_have_their_reason_once(bundle: Path) -> None:
    text = plain_text(interrupted_document(read_interrupted_run(open_bundle(bundle))))
    assert text.count("Energy unknown where none is shown: ") == 1


def _rows(document: Document) -> list[Row]:
    return [row for block in document.blocks if isinstance(block, Rows) for row in block.rows]
