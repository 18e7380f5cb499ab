"""Which parts of a run its figures are of: steady parts, and one of several loads."""

from __future__ import annotations

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from tests.support.simulated_power import COUNTERS
from tests.support.simulated_queue import Engine, Traffic, open_traffic

CAPACITY_PER_S = Engine().capacity_per_s
RATES = [round(share * CAPACITY_PER_S, 1) for share in (0.4, 0.8, 1.4)]


def _assembled(traffic: Traffic, rates: list[float]) -> ExperimentResult:
    config = ExperimentConfig.model_validate(
        {
            "model": "any",
            "backend": "standin_streaming",
            "load": {"kind": "open", "rate_per_s": rates},
            "slo": {"ttft_s": 1.0},
        }
    )
    raw = RawRun(
        facts=RunFacts(experiment_id="run"),
        trace=traffic.trace(COUNTERS["v100"], seed=1),
        phases=traffic.phases,
        requests=traffic.requests,
    )
    return assemble(config, raw).result


def test_the_figures_of_several_loads_are_of_one_and_each_is_stated() -> None:
    result = _assembled(open_traffic(RATES, 1), RATES)
    assert [each.load for each in result.traffic.rungs] == RATES
    assert [each.rung for each in result.repeats] == [0] * 3 + [1] * 3 + [2] * 3
    headline = result.traffic.headline
    assert headline is not None
    assert headline.rung == 1
    for name in ("requests_per_s", "energy_per_request_j", "goodput_requests_per_s"):
        assert result.estimates[name] == headline.estimates[name]
    assert result.total_energy_j == headline.estimates["total_energy_j"].value
    assert len(result.phases) == 9


def test_a_load_that_is_too_much_is_warned_of_where_the_figures_are_of_it() -> None:
    rate = [round(1.4 * CAPACITY_PER_S, 1)]
    codes = {each.code for each in _assembled(open_traffic(rate, 1), rate).warnings}
    assert "over_saturated" in codes
    served = {each.code for each in _assembled(open_traffic(RATES, 1), RATES).warnings}
    assert "over_saturated" not in served


def test_the_figures_of_an_open_loop_are_of_the_steady_part_of_each_window() -> None:
    rate = [round(0.9 * CAPACITY_PER_S, 1)]
    result = _assembled(open_traffic(rate, 1), rate)
    parts = result.traffic.steady
    assert [each.duration_s for each in result.repeats] == [each.duration_s for each in parts]
    assert all(each.duration_s <= each.window_s == 10.0 for each in parts)
