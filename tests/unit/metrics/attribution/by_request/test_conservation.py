"""Requests, idle time and overhead add up to the energy of the window, whatever happens in it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution, attribute
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.support.synthetic import constant, counter_j, ns, sample_times, square, trace_of

WINDOWS = ((2.0, 5.0), (5.5, 8.0))
STATUSES = ("ok", "ok", "error", "timeout", "cancelled")


def _phases() -> list[Phase]:
    return [
        Phase(name="window", start_unix_ns=ns(start), end_unix_ns=ns(end), repeat=number)
        for number, (start, end) in enumerate(WINDOWS)
    ]


def _trace(seed: int) -> EnergyTrace:
    """Return two counters, of 20 ms and 100 ms."""
    t_s = sample_times(10.0, seed)
    fast = trace_of(t_s, counter_j(square(period_s=0.3), t_s, 0.02))
    slow = trace_of(t_s, counter_j(constant(75.0), t_s, 0.1, 0.013))
    channels = (*fast.channels, slow.channels[0].model_copy(update={"device": "e", "label": "E"}))
    return EnergyTrace(channels=channels, by_channel=[fast.samples, slow.samples])


def _steps(rng: np.random.Generator, count: int, overlap: bool) -> list[StepRecord]:
    """Return steps with pauses between them, some without a duration, or overlapping as several engines' do."""
    lasts_s = rng.choice([0.0, 1e-9, 0.004, 0.05, 0.4], count)
    starts_s = rng.uniform(0, 9, count) if overlap else 1 + np.cumsum(lasts_s + rng.choice([0, 0.01], count))
    starts_s = starts_s if overlap else starts_s - lasts_s
    return [
        StepRecord(
            start_unix_ns=ns(start),
            end_unix_ns=ns(start + lasts),
            prefill_tokens=int(rng.integers(0, 30)),
            decode_tokens=int(rng.integers(0, 5)),
            requests=int(rng.integers(0, 5)),
            context_tokens=int(rng.integers(0, 900)),
        )
        for start, lasts in zip(starts_s, lasts_s, strict=True)
    ]


def _requests(rng: np.random.Generator, count: int) -> list[RequestRecord]:
    """Return requests that fail, end early, are cut off by windows, or have tokens that no step brought."""
    records = []
    for number in range(count):
        sent = rng.uniform(0, 9)
        times = tuple(sorted(ns(at) for at in rng.uniform(sent, sent + 2, int(rng.integers(0, 12)))))
        closed = max([*times, ns(sent + rng.uniform(0, 1))])
        records.append(
            RequestRecord(
                request_id=f"r{number}",
                repeat=0,
                status=STATUSES[int(rng.integers(len(STATUSES)))],  # type: ignore[arg-type]
                prompt_tokens=int(rng.integers(1, 40)),
                output_tokens=len(times),
                scheduled_unix_ns=ns(sent),
                sent_unix_ns=ns(sent),
                first_token_unix_ns=times[0] if times else None,
                last_token_unix_ns=times[-1] if times else None,
                closed_unix_ns=closed,
                chunk_unix_ns=times,
                chunk_tokens=(1,) * len(times),
            )
        )
    return records


@cache
def _account(seed: int) -> EnergyAccount:
    return EnergyAccount(_trace(seed))


def _attributed(account: EnergyAccount, **tables: Any) -> Attribution:
    found = attribute(account, _phases(), **tables)
    assert isinstance(found, Attribution), found
    return found


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 25), st.booleans())
def test_requests_idle_and_overhead_add_up_to_the_window(
    seed: int, steps: int, requests: int, overlap: bool
) -> None:
    rng = np.random.default_rng(seed)
    inside = StepRecord(
        start_unix_ns=ns(2.5),
        end_unix_ns=ns(2.6),
        prefill_tokens=1,
        decode_tokens=0,
        requests=1,
        context_tokens=1,
    )
    account = _account(seed % 5)
    found = _attributed(
        account,
        requests=RequestTable.from_records(_requests(rng, requests)),
        steps=StepTable.from_records([*_steps(rng, steps, overlap), inside]),
    )
    for each in found.energies:
        window_j = account.energy(each.window).energy_j
        assert window_j is not None
        together_j = math.fsum([*each.energy_j, each.idle_j, each.overhead_j])
        assert together_j == pytest.approx(window_j, rel=1e-9)


def test_without_steps_there_is_a_reason_and_no_table() -> None:
    account = _account(1)
    nothing: dict[str, Any] = {"requests": RequestTable.empty(), "steps": None}
    assert attribute(account, _phases(), **nothing) == "the backend reports no steps"
    assert attribute(account, _phases(), **{**nothing, "steps": StepTable.empty()}) == (
        "no step was reported in the windows"
    )


def test_an_unknown_energy_is_named_with_its_channel() -> None:
    trace = _trace(1)
    short = EnergyTrace(channels=trace.channels, by_channel=[trace.of(0), trace.of(1)[:100]])
    steps = StepTable.from_records(_steps(np.random.default_rng(1), 20, False))
    reason = attribute(EnergyAccount(short), _phases(), RequestTable.empty(), steps)
    assert isinstance(reason, str)
    assert reason.startswith("E: it was not read after ")


def test_time_without_a_request_is_idle_and_time_between_steps_is_overhead() -> None:
    """A request from 3 s to 4 s, of which a step takes the first half, in a window of 3 s at 75 W."""
    t_s = sample_times(10.0)
    account = EnergyAccount(trace_of(t_s, counter_j(constant(75.0), t_s, 0.02)))
    rng = np.random.default_rng(1)
    request = replace(
        _requests(rng, 1)[0],
        scheduled_unix_ns=ns(3),
        sent_unix_ns=ns(3),
        closed_unix_ns=ns(4),
        first_token_unix_ns=ns(3.5),
        chunk_unix_ns=(ns(3.5),),
        chunk_tokens=(1,),
    )
    step = StepRecord(
        start_unix_ns=ns(3),
        end_unix_ns=ns(3.5),
        prefill_tokens=9,
        decode_tokens=0,
        requests=1,
        context_tokens=9,
    )
    found = _attributed(
        account, requests=RequestTable.from_records([request]), steps=StepTable.from_records([step])
    )
    first = found.energies[0]
    assert first.idle_j == pytest.approx(150, rel=0.01)
    assert first.overhead_j == pytest.approx(37.5, rel=0.02)
    assert first.prefill_j == pytest.approx([37.5], rel=0.02)
    assert found.energies[1].idle_j == pytest.approx(187.5, rel=0.01)
