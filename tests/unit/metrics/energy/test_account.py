"""An energy account answers many intervals at once, each computed once, and as well from a short stretch of a trace."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.domain.trace import EnergyTrace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.support.simulated_power import COUNTERS, POWER_ONLY, Sensor, random_run
from tests.support.synthetic import BASE_NS, constant, counter_j, ns, sample_times, trace_of

SENSORS = {**COUNTERS, **{f"{name}, power alone": sensor for name, sensor in POWER_ONLY.items()}}


def _edges(seed: int, until_s: float, count: int = 30) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return random intervals, some of which reach beyond the trace."""
    random = np.random.default_rng(seed)
    start_s, length_s = random.uniform(-1.0, until_s, count), random.uniform(0.01, 3.0, count)
    return (
        np.array([ns(each) for each in start_s]),
        np.array([ns(each) for each in start_s + length_s]),
    )


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS.keys())
def test_energies_of_many_intervals_are_those_of_each_alone(sensor: Sensor) -> None:
    trace = random_run(sensor, 4, 3.0, relative_error=0.05).trace
    start_ns, end_ns = _edges(1, 6.0)
    together = EnergyAccount(trace)
    total, errors = together.total_energies(start_ns, end_ns), together.uncertainties(start_ns, end_ns)[0]
    assert 0 < np.isnan(total.energy_j).sum() < len(start_ns)
    for at, (first_ns, last_ns) in enumerate(zip(start_ns.tolist(), end_ns.tolist(), strict=True)):
        account = EnergyAccount(trace)
        interval = Phase(name="window", start_unix_ns=first_ns, end_unix_ns=last_ns)
        alone = account.energy(interval)
        assert total.at(at).reason == alone.reason
        assert total.energy_j[at] == pytest.approx(alone.energy_j or np.nan, rel=1e-9, nan_ok=True)
        expected = account.uncertainty(interval)
        stated = errors.at(at)
        assert (stated is not None) == bool(expected)
        if stated is not None:
            for name in ("gain_j", "edges_j", "alias_j", "resolution_j", "step", "readings", "random_j"):
                assert getattr(stated, name) == pytest.approx(getattr(expected[0], name), rel=1e-9), name


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS.keys())
def test_a_short_stretch_of_the_trace_gives_the_energy_of_the_whole(sensor: Sensor) -> None:
    """Within what either states; the ticks of some seconds are located a little less well than those of all."""
    run = random_run(sensor, 7, 20.0)
    interval = Phase(name="window", start_unix_ns=ns(15.0), end_unix_ns=ns(18.0))
    since = run.trace.samples["t_unix_ns"] >= ns(9.0)
    stretch = EnergyTrace(channels=run.trace.channels, samples=run.trace.samples[since])
    whole, part = EnergyAccount(run.trace), EnergyAccount(stretch)
    whole_j, part_j = whole.energy(interval).energy_j, part.energy(interval).energy_j
    assert whole_j is not None
    assert part_j is not None
    assert (
        abs(part_j - whole_j)
        <= whole.uncertainty(interval)[0].random_j + part.uncertainty(interval)[0].random_j
    )
    assert part_j == pytest.approx(whole_j, rel=0.01)


def test_a_stretch_without_a_single_tick_has_unknown_energy() -> None:
    t_s = sample_times(0.09)
    account = EnergyAccount(trace_of(t_s, 5000.0))
    assert account.energy(Phase(name="window", start_unix_ns=ns(0.0), end_unix_ns=ns(0.05))).energy_j is None


def test_the_reason_names_the_first_included_channel_whose_energy_is_unknown() -> None:
    t_s = sample_times(12.0)
    counted = trace_of(t_s, counter_j(constant(), t_s, 0.1)).samples
    refused = trace_of(t_s, error=15).samples
    refused["channel"] = 1
    channel = trace_of(t_s, 0.0).channels[0]
    channels = (channel, channel.model_copy(update={"label": "E"}))
    account = EnergyAccount(EnergyTrace(channels=channels, by_channel=[counted, refused]))
    total = account.total_energies(np.array([BASE_NS]), np.array([BASE_NS + 10**9]))
    assert np.isnan(total.energy_j[0])
    assert total.reasons[0] == "E: the sensor answered with error 15"


def test_without_an_included_channel_every_energy_is_unknown() -> None:
    t_s = sample_times(12.0)
    account = EnergyAccount(trace_of(t_s, counter_j(constant(), t_s, 0.1), included_in_total=False))
    total = account.total_energies(*_edges(2, 8.0, count=3))
    assert np.isnan(total.energy_j).all()
    assert set(total.reasons) == {"no energy source was read"}
