"""Figures of served traffic against an engine whose capacity and power are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.domain.breakdowns.traffic import TrafficSummary
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution, attribute
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.energies import ENERGY_PER_REQUEST
from llenergymeasure.metrics.figures.figure import NO_SLO, Figure, FigureInputs, Unknown
from llenergymeasure.metrics.figures.serving import goodput
from llenergymeasure.metrics.figures.serving.summary import summarise_serving
from tests.support.requests import request
from tests.support.simulated_power import COUNTERS
from tests.support.simulated_queue import Engine, Traffic, open_traffic
from tests.support.simulated_serving import Mix, serve
from tests.support.synthetic import constant, counter_j, ns, sample_times, trace_of

CAPACITY_PER_S = Engine().capacity_per_s
SLO = SloConfig(ttft_s=0.5)
POWER_W = 300.0


def _inputs(traffic: Traffic, account: EnergyAccount, slo: SloConfig | None = None) -> FigureInputs:
    rows = window_totals(account, traffic.phases, traffic.requests)
    return FigureInputs(rows=rows, method="counter", requests=traffic.requests, slo=slo)


def _unmetered(traffic: Traffic, slo: SloConfig | None = None) -> FigureInputs:
    return _inputs(traffic, EnergyAccount(trace_of(sample_times(1.0))), slo)


def _ladder(
    rates: Sequence[float], seed: int = 0, slo: SloConfig | None = None, window_s: float = 10.0
) -> TrafficSummary:
    traffic = open_traffic(rates, seed, window_s=window_s)
    inputs = _unmetered(traffic, slo)
    return summarise_serving(inputs, inputs.rows, (), rates, can_grow=True)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_energy_per_request_is_the_true_one(share: float) -> None:
    traffic = open_traffic([share * CAPACITY_PER_S], seed=3)
    inputs = _inputs(traffic, EnergyAccount(traffic.trace(COUNTERS["v100"], seed=3)))
    found = ENERGY_PER_REQUEST.compute(ENERGY_PER_REQUEST, inputs)
    assert isinstance(found, UncertaintyBudget)
    true_j = sum(map(traffic.true_j, traffic.phases)) / sum(len(row.served) for row in inputs.rows)
    assert found.value == pytest.approx(true_j, rel=0.02)
    assert found.half_width is not None
    assert abs(found.value - true_j) <= found.half_width


def test_the_knee_of_a_ladder_is_the_capacity() -> None:
    shares = (0.4, 0.7, 1.0, 1.3)
    serving = _ladder([share * CAPACITY_PER_S for share in shares])
    assert [each.over_saturated for each in serving.rungs][::3] == [False, True]
    assert serving.knee is not None
    assert serving.knee.load is not None
    assert serving.knee.load.value == pytest.approx(CAPACITY_PER_S, rel=0.05)


def test_the_figures_are_of_the_highest_load_that_is_served() -> None:
    rates = [share * CAPACITY_PER_S for share in (0.4, 0.7, 1.4)]
    serving = _ladder(rates)
    assert (serving.headline_rung, serving.headline) == (1, serving.rungs[1])


def test_with_objectives_the_figures_are_of_the_load_of_the_highest_goodput() -> None:
    rates = [share * CAPACITY_PER_S for share in (0.4, 0.8, 2.0)]
    serving = _ladder(rates, slo=SLO)
    rate = [each.estimates["goodput_requests_per_s"].value for each in serving.rungs]
    assert serving.headline_rung == rate.index(max(rate)) == 1


def test_littles_law_leaves_nothing_of_steady_traffic_and_something_of_a_growing_queue() -> None:
    steady, growing = _ladder([0.6 * CAPACITY_PER_S, 1.5 * CAPACITY_PER_S], window_s=20.0).rungs
    assert steady.in_flight is not None
    assert steady.little_residual is not None
    assert abs(steady.little_residual.value) < 0.05 * steady.in_flight.value
    assert growing.in_flight is not None
    assert growing.little_residual is not None
    assert growing.little_residual.value > 0.05 * growing.in_flight.value


def test_one_load_has_no_knee_and_no_choice() -> None:
    serving = _ladder([0.5 * CAPACITY_PER_S])
    assert (serving.knee, serving.headline_rung, len(serving.rungs)) == (None, None, 1)
    assert serving.headline == serving.rungs[0]


# --- goodput, by hand: two windows of ten seconds at 300 W


def _by_hand(records: Sequence[RequestRecord], slo: SloConfig | None = SLO) -> FigureInputs:
    t_s = sample_times(25.0)
    account = EnergyAccount(trace_of(t_s, counter_j(constant(POWER_W), t_s, 0.02)))
    phases = [
        Phase(name="window", start_unix_ns=ns(2.0 + 10 * at), end_unix_ns=ns(12.0 + 10 * at), repeat=at)
        for at in range(2)
    ]
    requests = RequestTable.from_records(records)
    rows = window_totals(account, phases, requests)
    return FigureInputs(rows=rows, method="counter", requests=requests, slo=slo)


def _request(name: str, due_s: float, first_s: float = 0.2, **fields: object) -> RequestRecord:
    return request(name, scheduled_s=due_s, token_s=(due_s + first_s, due_s + first_s + 0.1), **fields)


GOOD = [_request(f"g{number}", 3.0 + number) for number in range(18)]
LATE = [_request(f"l{number}", 3.0 + number, first_s=0.7) for number in range(18)]
FAILED = _request("failed", 5.0, status="timeout", error_kind="Timeout")


def _value(figure: Figure, inputs: FigureInputs) -> float:
    found = figure.compute(figure, inputs)
    assert not isinstance(found, Unknown), found.reason
    return float(found.value)


def test_goodput_counts_good_requests_alone() -> None:
    inputs = _by_hand([*GOOD, *LATE])
    assert _value(goodput.REQUEST_RATE, inputs) == pytest.approx(1.8)
    assert _value(goodput.GOODPUT, inputs) == pytest.approx(0.9)
    assert _value(goodput.SLO_ATTAINMENT, inputs) == pytest.approx(0.5)


def test_the_energy_of_late_requests_is_in_that_of_the_good_ones() -> None:
    inputs = _by_hand([*GOOD, *LATE])
    found = goodput.ENERGY_PER_GOOD_REQUEST.compute(goodput.ENERGY_PER_GOOD_REQUEST, inputs)
    assert isinstance(found, UncertaintyBudget)
    assert found.value == pytest.approx(20 * POWER_W / 18, rel=1e-3)
    assert found.half_width is not None


def test_without_objectives_there_is_no_goodput() -> None:
    for figure in (goodput.GOODPUT, goodput.SLO_ATTAINMENT, goodput.ENERGY_PER_GOOD_REQUEST):
        assert figure.compute(figure, _by_hand(GOOD, slo=None)) == Unknown(reason=NO_SLO)


def test_a_window_without_good_requests_has_no_energy_of_one() -> None:
    found = goodput.ENERGY_PER_GOOD_REQUEST.compute(goodput.ENERGY_PER_GOOD_REQUEST, _by_hand(LATE))
    assert found == Unknown(reason="a window has no good requests")


def test_nothing_is_wasted_where_nothing_failed() -> None:
    found = goodput.WASTED_ENERGY.compute(goodput.WASTED_ENERGY, _by_hand(GOOD))
    assert isinstance(found, Estimate)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_without_steps_the_energy_of_failed_requests_is_that_of_their_tokens_and_said_to_be_estimated() -> (
    None
):
    found = goodput.WASTED_ENERGY.compute(goodput.WASTED_ENERGY, _by_hand([*GOOD, FAILED]))
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(10 * POWER_W * 2 / (2 * 9 + 2), rel=1e-3)
    assert found.method == "estimated"
    assert found.reason is not None
    assert "before their first token" in found.reason


def test_with_steps_the_energy_of_failed_requests_is_their_part_of_the_attribution() -> None:
    run = serve(Mix(fills=True), 1, COUNTERS["v100"], windows=2, window_s=4.0)
    records = list(run.requests.rows())
    records[3] = replace(records[3], status="timeout", error_kind="Timeout")
    requests = RequestTable.from_records(records)
    account = EnergyAccount(run.trace)
    shared = attribute(account, run.phases, requests, run.steps)
    assert isinstance(shared, Attribution)
    rows = window_totals(account, run.phases, requests)
    inputs = FigureInputs(rows=rows, method="counter", requests=requests, attribution=shared)
    found = goodput.WASTED_ENERGY.compute(goodput.WASTED_ENERGY, inputs)
    own_j = sum(float(each.energy_j[each.request == 3].sum()) for each in shared.energies)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(own_j)
    assert found.value > 0
    assert (found.method, found.reason) == ("derived", None)
