"""Claims about bins of time: they fit static batches and continuous batching, and see what changes."""

from __future__ import annotations

import numpy as np
import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.protocol.steady_state import steadiness, warmup_steadiness
from llenergymeasure.metrics.protocol.time_bins import TimeBins, time_bins
from llenergymeasure.testing import KnownPower, VirtualClock
from tests.support.requests import START_NS, request, unix_ns

LASTS_S = 20.0
STEP_S = 0.02
WINDOW = Phase(name="window", repeat=0, start_unix_ns=unix_ns(0), end_unix_ns=unix_ns(LASTS_S))


def _answer(name: str, at_s: float, prefill_s: float, step_s: float, tokens: int = 20) -> RequestRecord:
    times = at_s + prefill_s + step_s * np.arange(tokens)
    return request(name, scheduled_s=at_s, token_s=times.tolist())


def _static_batches(prefill_s: float = 0.1, step_s: float = STEP_S) -> list[RequestRecord]:
    """Return batches of four; each starts when the one before has ended."""
    served: list[RequestRecord] = []
    at_s = 0.0
    while (end_s := at_s + prefill_s + 19 * step_s) <= LASTS_S:
        served += [_answer(f"{at_s}-{number}", at_s, prefill_s, step_s) for number in range(4)]
        at_s = end_s
    return served


def _staggered(slower: float = 0.0) -> list[RequestRecord]:
    """Return requests that begin one every 50 ms and share the device; steps become `slower` over the window."""
    begins = np.arange(0.0, LASTS_S - 1.5, 0.05).tolist()
    return [_answer(f"{at_s}", at_s, 0.05, STEP_S * (1 + slower * at_s / LASTS_S)) for at_s in begins]


def _account(power_w: float = 300.0) -> EnergyAccount:
    clock = VirtualClock()
    assert clock.now_ns() == START_NS
    power = KnownPower(clock, lambda _time_ns: power_w)
    clock.sleep(LASTS_S + 1)
    return EnergyAccount(power.trace())


def _bins(requests: list[RequestRecord]) -> TimeBins:
    return time_bins(RequestTable.from_records(requests), _account(), [WINDOW])


@pytest.mark.parametrize("requests", [_static_batches(), _staggered()], ids=["static", "continuous"])
def test_a_steady_engine_is_steady_however_it_batches(requests: list[RequestRecord]) -> None:
    bins = _bins(requests)
    assert bins.itl_s[np.isfinite(bins.itl_s)] == pytest.approx(STEP_S)
    assert bins.power_w == pytest.approx(300.0, rel=0.01)
    assert steadiness(bins).is_steady


def test_staggered_requests_share_the_power_of_the_machine() -> None:
    bins = _bins(_staggered())
    starts_s = np.concatenate([[START_NS / 1e9], bins.end_s[:-1]])
    assert (bins.power_w * (bins.end_s - starts_s)).sum() == pytest.approx(300.0 * LASTS_S, rel=0.01)


def test_an_engine_that_slows_down_has_a_drift_however_it_batches() -> None:
    trend = steadiness(_bins(_staggered(slower=0.3))).latency
    assert trend is not None
    assert trend.is_drift(0.05)
    assert trend.change == pytest.approx(0.3, abs=0.08)


def test_a_bin_of_static_batches_holds_whole_batches() -> None:
    width_s = float(np.median(np.diff(_bins(_static_batches()).end_s)))
    batch_s = 0.1 + 19 * STEP_S
    assert width_s / batch_s == pytest.approx(round(width_s / batch_s), rel=0.05)


def test_longer_prompts_are_no_change_of_the_inter_token_latency() -> None:
    growing = [_answer(f"{at}", float(at), 0.02 * at, STEP_S) for at in range(19)]
    latency = steadiness(_bins(growing)).latency
    assert latency is not None
    assert latency.is_flat(0.01)


def test_answers_of_one_token_are_compared_by_their_whole_time() -> None:
    bins = _bins([_answer(f"{at}", at / 4, 0.2, 0.0, tokens=1) for at in range(80)])
    assert bins.itl_s == pytest.approx(0.2)


def test_chunks_without_tokens_and_chunks_of_many_are_counted_by_their_tokens() -> None:
    times = np.arange(0.5, 19.5, 0.06).tolist()
    tokens = (0, 1, *[3] * (len(times) - 2))
    bins = _bins([request(token_s=times, chunk_tokens=tokens, output_tokens=sum(tokens))])
    assert bins.itl_s[np.isfinite(bins.itl_s)] == pytest.approx(STEP_S)


def test_a_pause_between_windows_is_in_no_bin() -> None:
    halves = [
        Phase(name="window", start_unix_ns=unix_ns(0), end_unix_ns=unix_ns(5)),
        Phase(name="window", start_unix_ns=unix_ns(15), end_unix_ns=unix_ns(20)),
    ]
    crossing = request(token_s=[*np.arange(0, 5, STEP_S), *np.arange(15, 20, STEP_S)])
    bins = time_bins(RequestTable.from_records([crossing]), _account(), halves)
    assert bins.itl_s == pytest.approx(STEP_S)


def test_too_short_a_warm_up_has_no_trend() -> None:
    warmup = Phase(name="warmup", start_unix_ns=unix_ns(0), end_unix_ns=unix_ns(0.3))
    table = RequestTable.from_records(_static_batches())
    assert not warmup_steadiness(table, _account(), warmup, 5.0).is_steady


def test_without_a_meter_only_the_latency_has_a_trend() -> None:
    unmetered = EnergyAccount(Unmetered().trace())
    trends = steadiness(time_bins(RequestTable.from_records(_static_batches()), unmetered, [WINDOW]))
    assert trends.power is None
    assert trends.is_steady
