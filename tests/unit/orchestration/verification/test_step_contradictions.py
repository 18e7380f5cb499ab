"""Steps that are not those of the requests beside them are found, though every checksum is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.orchestration.verification.step_contradictions import unlike_requests
from llenergymeasure.orchestration.verification.verify import verify_bundle
from llenergymeasure.results.parquet.steps import write_steps
from tests.support import bundles
from tests.support.bundles import refresh_sums, write_run


def _changed(steps: StepTable, row: int, **by: int) -> StepTable:
    columns = {name: getattr(steps, name).copy() for name in by}
    for name, more in by.items():
        columns[name][row] += more
    return replace(steps, **columns)


def _unlike(change: Callable[[StepTable], StepTable]) -> list[Finding]:
    raw = bundles.raw_run()
    assert raw.steps is not None
    return list(unlike_requests(change(raw.steps), raw.requests))


def test_steps_of_a_run_are_those_of_its_requests() -> None:
    assert _unlike(lambda steps: steps) == []


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("prefill_tokens", "the prompts, without cached tokens, have"),
        ("decode_tokens", "the answers, without their first tokens, have"),
    ],
)
def test_tokens_that_no_request_has_are_found_with_both_numbers(name: str, what: str) -> None:
    found = _unlike(lambda steps: _changed(steps, 3, **{name: 1}))
    assert [(each.file, each.field) for each in found] == [("steps.parquet", name)]
    assert found[0].stored == found[0].recomputed + 1
    assert found[0].message == (
        f"all steps together have {found[0].stored:,}; in requests.parquet {what} {found[0].recomputed:,}"
    )


def test_more_requests_in_a_step_than_were_in_flight_are_found() -> None:
    found = _unlike(lambda steps: _changed(steps, 3, requests=1000))
    assert [(each.file, each.field) for each in found] == [("steps.parquet", "requests")]
    assert found[0].message.startswith(f"row 3: {found[0].stored:,}; in requests.parquet ")


def test_cached_tokens_are_in_no_step() -> None:
    raw = bundles.raw_run()
    assert raw.steps is not None
    cached = np.full_like(raw.requests.cached_prompt_tokens, 2)
    requests = replace(raw.requests, cached_prompt_tokens=cached)
    assert [each.field for each in unlike_requests(raw.steps, requests)] == ["prefill_tokens"]


@pytest.mark.parametrize("change", [{"prefill_tokens": 1}, {"requests": 1000}], ids=str)
def test_verify_blames_the_steps_of_a_bundle_first(tmp_path: Path, change: dict[str, Any]) -> None:
    bundle = write_run(tmp_path)
    steps = bundles.raw_run().steps
    assert steps is not None
    write_steps(_changed(steps, 3, **change), bundle / "steps.parquet")
    refresh_sums(bundle)
    first = verify_bundle(bundle).findings[0]
    assert (first.file, first.field) == ("steps.parquet", *change)


def test_a_run_with_a_failed_request_is_not_compared(tmp_path: Path) -> None:
    raw = bundles.raw_run()
    assert raw.steps is not None
    rows = list(raw.requests.rows())
    failed = RequestTable.from_records([replace(rows[0], status="error", error_kind="lost"), *rows[1:]])
    bundle = write_run(
        tmp_path, raw=replace(raw, requests=failed, steps=_changed(raw.steps, 3, prefill_tokens=1))
    )
    assert verify_bundle(bundle).findings == ()
