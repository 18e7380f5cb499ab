"""Whatever steps and requests a backend reports, the split adds up to the measured energy or says why there is none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.metrics.attribution.phases.split import SplitEnergies, split_phases
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from tests.support.requests import request
from tests.support.synthetic import BASE_NS, ns

SECONDS = 8.0
WINDOWS = (
    Phase(name="window", start_unix_ns=ns(1.0), end_unix_ns=ns(4.0), repeat=0),
    Phase(name="window", start_unix_ns=ns(4.5), end_unix_ns=ns(7.0), repeat=1),
)


def _trace(seed: int) -> EnergyTrace:
    """Return a counter that ticks every 100 ms under a random power, read every 20 ms."""
    rng = np.random.default_rng(seed)
    t_s = np.arange(0, SECONDS, 0.02)
    ticks_j = np.cumsum(rng.uniform(5.0, 40.0, int(SECONDS * 10) + 1))
    samples = np.zeros(len(t_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.rint(t_s * 1e9).astype(np.int64)
    samples["energy_j"], samples["power_w"] = ticks_j[np.floor(t_s * 10 + 0.35).astype(int)], np.nan
    channel = Channel(meter="nvml", domain="gpu", device="GPU-1", label="GPU 0", method="counter")
    return EnergyTrace(channels=(channel,), samples=samples)


ACCOUNTS = [EnergyAccount(_trace(seed)) for seed in range(3)]
SPANS = st.tuples(st.floats(0.0, SECONDS), st.floats(0.0, 0.5), st.integers(0, 2), st.integers(0, 2))
GAPS = st.tuples(st.sampled_from([0.0, 0.0, 0.005, 0.03]), st.floats(0.0, 0.1), st.integers(0, 1))


def _step(start_s: float, duration_s: float, prefill: int, decode: int) -> StepRecord:
    return StepRecord(
        start_unix_ns=ns(start_s),
        end_unix_ns=ns(start_s + duration_s),
        prefill_tokens=prefill,
        decode_tokens=decode,
        requests=1,
        context_tokens=1,
    )


def _split(account: EnergyAccount, requests: RequestTable, steps: StepTable | None) -> SplitEnergies:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = window_totals(account, WINDOWS, requests)
        return split_phases(account, rows, requests, steps, "no model was fitted")


def _check(outcome: SplitEnergies, account: EnergyAccount) -> None:
    split = outcome.split
    parts_j = (split.prefill_energy_j, split.decode_energy_j, split.rest_energy_j)
    if split.method is None:
        assert split.reason
        assert parts_j == (None, None, None)
        return
    assert outcome.half_width_j is not None
    assert np.isfinite(outcome.half_width_j).all()
    total_j = sum(account.energy(window).energy_j or 0.0 for window in WINDOWS)
    assert sum(each or 0.0 for each in parts_j) == pytest.approx(total_j, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(spans=st.lists(SPANS, max_size=30), account=st.sampled_from(ACCOUNTS))
def test_any_steps_are_split_exactly_or_refused_with_a_reason(
    spans: list[tuple[float, float, int, int]], account: EnergyAccount
) -> None:
    steps = StepTable.from_records(_step(*span) for span in spans)
    _check(_split(account, RequestTable.empty(), steps), account)


@settings(max_examples=20, deadline=None)
@given(gaps=st.lists(GAPS, min_size=20, max_size=120), account=st.sampled_from(ACCOUNTS))
def test_steps_one_after_the_other_are_split_exactly_or_refused(
    gaps: list[tuple[float, float, int]], account: EnergyAccount
) -> None:
    at_s, steps = 0.5, []
    for gap_s, duration_s, reads in gaps:
        steps.append(_step(at_s + gap_s, duration_s, reads, 1 - reads))
        at_s += gap_s + duration_s
    _check(_split(account, RequestTable.empty(), StepTable.from_records(steps)), account)


@settings(max_examples=20, deadline=None)
@given(
    times=st.lists(st.lists(st.floats(0.0, SECONDS), max_size=4).map(sorted), max_size=12),
    account=st.sampled_from(ACCOUNTS),
)
def test_any_requests_are_split_exactly_or_refused(times: list[list[float]], account: EnergyAccount) -> None:
    records = [
        request(str(number), scheduled_s=each[0] if each else 0.0, token_s=each[1:])
        for number, each in enumerate(times)
    ]
    _check(_split(account, RequestTable.from_records(records), None), account)
