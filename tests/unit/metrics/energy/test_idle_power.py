"""Gross, net and marginal energy: what is subtracted, the sign, and the uncertainty of the baseline."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.baseline import BaselineReuse, ChannelIdlePower, StoredBaseline
from llenergymeasure.domain.experiment import BaselineUsed, ExperimentResult
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.metrics.statistics.student import student_t
from llenergymeasure.testing import VirtualClock
from tests.support.idle_baseline_runs import Power, config, known_power, run

BASELINES = {"idle_s": 10.0, "context_s": 5.0, "loaded_s": 10.0}
BARE_W, CONTEXT_W, LOADED_W, BUSY_W = 70.0, 78.7, 90.0, 300.0


def _stairs(second: float) -> float:
    """Return the power of a machine whose phases are those of `run` with BASELINES."""
    steps = ((10.25, BARE_W), (15.75, CONTEXT_W), (26.5, LOADED_W))
    return next((power_w for until_s, power_w in steps if second < until_s), BUSY_W)


def _result(
    power: Power = _stairs, reuse: BaselineReuse | None = None, **baseline: float
) -> ExperimentResult:
    clock = VirtualClock()
    settings = config(baseline={**BASELINES, **baseline})
    return run(settings, clock, known_power(clock, power), reuse)


def _stored(power_w: float = BARE_W, half_width_w: float = 0.5) -> StoredBaseline:
    gpu = ChannelIdlePower(
        meter="known", domain="gpu", device="GPU-0", label="known power", power_w=power_w, deviation_w=0.3
    )
    return StoredBaseline(
        measured_unix_ns=1, duration_s=30.0, power_w=power_w, half_width_w=half_width_w, channels=(gpu,)
    )


def _cached(**fields: float) -> BaselineReuse:
    return BaselineReuse(origin="cached", age_s=60.0, stored=_stored(**fields))


def test_each_baseline_is_the_power_of_its_own_phase() -> None:
    result = _result()
    assert result.idle_power_w == pytest.approx(BARE_W, rel=1e-3)
    assert result.context_power_w == pytest.approx(CONTEXT_W, rel=1e-3)
    assert result.loaded_power_w == pytest.approx(LOADED_W, rel=1e-3)
    (device,) = result.energy.by_device
    assert device.context_power_w == pytest.approx(CONTEXT_W, rel=1e-3)


def test_net_is_less_the_bare_machine_and_marginal_less_the_loaded_one() -> None:
    result = _result()
    time_s = result.total_inference_time_s
    assert result.total_energy_j == pytest.approx(BUSY_W * time_s, rel=2e-3)
    assert result.net_energy_j == pytest.approx((BUSY_W - BARE_W) * time_s, rel=2e-3)
    assert result.marginal_energy_j == pytest.approx((BUSY_W - LOADED_W) * time_s, rel=2e-3)
    assert result.energy.net_baseline == BaselineUsed(phase="baseline_idle", origin="measured")
    assert result.energy.marginal_baseline == BaselineUsed(phase="baseline_loaded", origin="measured")
    for name in ("net_energy_j", "marginal_energy_j"):
        assert result.estimates[name].value == getattr(result, name)
        assert result.estimates[name].method == "counter"


def test_energy_of_attaching_is_priced_apart_from_loading() -> None:
    result = _result()
    prices = {phase.name: phase.energy_j for phase in result.phases}
    assert prices["attach"] == pytest.approx(CONTEXT_W * 0.5, rel=0.1)
    assert result.load_energy_j == prices["load"] == pytest.approx(LOADED_W * 1.0, rel=0.1)


def test_sign_is_kept_where_the_machine_draws_less_at_work_than_at_rest() -> None:
    result = _result(lambda second: 100.0 if second < 26.5 else 80.0)
    time_s = result.total_inference_time_s
    assert result.net_energy_j == pytest.approx(-20.0 * time_s, rel=0.02)
    assert result.marginal_energy_j == pytest.approx(-20.0 * time_s, rel=0.02)


@pytest.mark.parametrize(
    ("left_out", "unknown", "known"),
    [
        ("idle_s", ("idle_power_w", "net_energy_j"), ("loaded_power_w", "marginal_energy_j")),
        ("loaded_s", ("loaded_power_w", "marginal_energy_j"), ("net_energy_j",)),
        ("context_s", ("context_power_w",), ("net_energy_j", "marginal_energy_j")),
    ],
)
def test_baseline_that_was_not_taken_leaves_unknown_what_needs_it(
    left_out: str, unknown: tuple[str, ...], known: tuple[str, ...]
) -> None:
    result = _result(**{left_out: 0.0})
    assert [getattr(result, name) for name in unknown] == [None] * len(unknown)
    assert None not in [getattr(result, name) for name in known]
    assert {result.unknown[name] for name in unknown} == {
        f"not measured: measurement.baseline.{left_out} is 0"
    }
    assert (result.energy.net_baseline is None) == ("net_energy_j" in unknown)
    assert (result.energy.marginal_baseline is None) == ("marginal_energy_j" in unknown)
    assert not set(unknown) & set(result.estimates)


def test_restless_baseline_widens_the_interval_by_its_own_spread() -> None:
    """Slices alternate between 60 and 80 W: Student's half-width of their mean, times the time of the windows."""

    def restless(second: float) -> float:
        return (60.0 if int(second) % 2 else 80.0) if second < 10.0 else _stairs(second)

    calm, result = _result(), _result(restless)
    half_width_w = student_t(9) * (1000.0 / 9) ** 0.5 / 10**0.5
    calm_j = calm.estimates["net_energy_j"].half_width or 0.0
    net_j = result.estimates["net_energy_j"].half_width or 0.0
    assert net_j > 3 * calm_j
    expected_j = ((half_width_w * result.total_inference_time_s) ** 2 + calm_j**2) ** 0.5
    assert net_j == pytest.approx(expected_j, rel=0.03)
    marginal = result.estimates["marginal_energy_j"]
    assert marginal.half_width == pytest.approx(calm.estimates["marginal_energy_j"].half_width, rel=0.01)


def test_baseline_too_short_for_a_spread_gives_no_interval_and_says_why() -> None:
    estimate = _result(lambda _second: 100.0, idle_s=1.5).estimates["net_energy_j"]
    assert estimate.half_width is None
    assert "too short" in (estimate.reason or "")


def test_former_baseline_is_subtracted_and_named_as_such() -> None:
    result = _result(lambda second: BARE_W if second < 3 else BUSY_W, _cached(), context_s=0, loaded_s=0)
    time_s = result.total_inference_time_s
    assert result.idle_power_w == BARE_W
    assert result.energy.by_device[0].idle_power_w == BARE_W
    assert result.net_energy_j == pytest.approx((BUSY_W - BARE_W) * time_s, rel=0.02)
    assert result.energy.net_baseline == BaselineUsed(phase="baseline_idle", origin="cached")
    assert result.baseline is not None
    assert result.baseline.age_s == 60.0


def test_an_earlier_baseline_is_uncertain_by_as_much_as_the_check_differed() -> None:
    def half_width_j(stored_w: float) -> float:
        result = _result(
            lambda second: BARE_W if second < 3 else BUSY_W,
            _cached(power_w=stored_w),
            context_s=0,
            loaded_s=0,
        )
        estimate = result.estimates["net_energy_j"]
        return (estimate.half_width or 0.0) ** 2 / result.total_inference_time_s**2

    assert half_width_j(BARE_W + 3.0) - half_width_j(BARE_W) == pytest.approx(9.0, rel=0.05)


def test_former_baseline_of_another_sensor_is_no_device_power() -> None:
    stored = _stored()
    other = stored.channels[0].model_copy(update={"device": "GPU-1"})
    reuse = BaselineReuse(origin="cached", age_s=1.0, stored=stored.model_copy(update={"channels": (other,)}))
    assert _result(lambda _second: 100.0, reuse).energy.by_device[0].idle_power_w is None


def test_result_without_energy_has_no_net_energy() -> None:
    clock = VirtualClock()
    power = known_power(clock, lambda _second: 100.0)
    empty = EnergyTrace(channels=(), samples=power.trace().samples[:0])
    power.trace = lambda since_ns=None: empty  # type: ignore[method-assign]
    result = run(config(baseline=BASELINES), clock, power)
    assert result.net_energy_j is result.idle_power_w is None
    assert "net_energy_j" not in result.estimates
