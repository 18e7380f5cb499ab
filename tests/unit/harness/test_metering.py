"""Claims about the meters of a run, from their choice to the trace that is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llenergymeasure import plugins
from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.trace import Phase
from llenergymeasure.exceptions import MeterError
from llenergymeasure.harness.metering import SPOOL, Metering, metering
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.selection import meter_problems
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.plugins import Plugin
from tests.support.sampled_fakes import OPENINGS, STEADY_W

FAKES = "tests.support.sampled_fakes"
ROUNDING_J = 1e-6
"""Of the counter, whose readings are large."""
ESTIMATE = EnergyConfig(meters="estimate")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A function that declares a meter of `sampled_fakes` under a name, as one that reads sensors."""

    def declare(name: str, class_name: str) -> None:
        declared = Plugin(name=name, target=f"{FAKES}:{class_name}", capabilities=frozenset({"measures"}))
        monkeypatch.setitem(plugins.BUILTIN["meters"], name, declared)

    return declare


def wait_for(meters: Metering, samples: int) -> None:
    deadline_s = time.monotonic() + 10
    while len(meters.trace().samples) < samples:
        assert time.monotonic() < deadline_s, "too few samples came"
        time.sleep(0.01)


def test_the_trace_is_complete_when_the_block_has_ended(tmp_path: Path) -> None:
    with metering(ESTIMATE, AnchoredClock(), tmp_path) as meters:
        wait_for(meters, 3)
        during = meters.trace()
    after = meters.trace()
    for field in ("t_unix_ns", "energy_j"):
        assert after.samples[field][: len(during.samples)].tolist() == during.samples[field].tolist()
    assert after.interrupted is None
    assert meters.recent_power_w() is None
    assert meters.is_estimated


def test_samples_lie_in_the_folder_while_they_are_taken(tmp_path: Path) -> None:
    with metering(ESTIMATE, AnchoredClock(), tmp_path) as meters:
        wait_for(meters, 1)
        assert (tmp_path / SPOOL).stat().st_size > 0


def test_without_a_meter_nothing_is_started_and_there_are_no_channels(tmp_path: Path) -> None:
    with metering(EnergyConfig(meters="none"), AnchoredClock(), tmp_path) as meters:
        assert meters.channels == meters.trace().channels == ()
        assert meters.recent_power_w() is meters.recent_temperature_c() is None
    assert list(tmp_path.iterdir()) == []


def test_auto_opens_a_meter_once_from_preflight_to_the_first_sample(
    tmp_path: Path, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("openings", "OpeningsMeter")
    monkeypatch.setenv(OPENINGS, str(tmp_path / "openings"))
    assert meter_problems(EnergyConfig(), MeterOptions()) == []
    with metering(EnergyConfig(), AnchoredClock(), tmp_path) as meters:
        assert "openings" in [channel.meter for channel in meters.channels]
    assert (tmp_path / "openings").read_text() == "opened\n"


def test_a_meter_that_was_named_and_cannot_be_opened_ends_the_run(
    tmp_path: Path, install: Callable[[str, str], None]
) -> None:
    install("shut", "ShutMeter")
    named = EnergyConfig(meters=("estimate", "shut"))
    with (
        pytest.raises(MeterError, match="open it with `sudo open shut`"),
        metering(named, AnchoredClock(), tmp_path),
    ):
        pytest.fail("metering began")


def test_energy_of_an_interval_is_the_same_from_the_stretch_around_it(
    tmp_path: Path, install: Callable[[str, str], None]
) -> None:
    install("steady", "SteadyMeter")
    with metering(EnergyConfig(meters="steady"), AnchoredClock(), tmp_path) as meters:
        wait_for(meters, 120)
    whole = meters.trace()
    start_ns, end_ns = (int(whole.samples["t_unix_ns"][at]) for at in (60, 100))
    stretch = meters.trace(int(whole.samples["t_unix_ns"][40]))
    assert stretch.samples["t_unix_ns"][0] == whole.samples["t_unix_ns"][40]
    interval = Phase(name="window", start_unix_ns=start_ns, end_unix_ns=end_ns)
    accounts = [EnergyAccount(trace) for trace in (whole, stretch)]
    energies_j = [account.energy(interval).energy_j for account in accounts]
    stated_j = [math.fsum(each.random_j for each in account.uncertainty(interval)) for account in accounts]
    true_j = STEADY_W * (end_ns - start_ns) / 1e9
    assert max(stated_j) < 0.5 * true_j
    assert energies_j[0] == pytest.approx(true_j, abs=stated_j[0] + ROUNDING_J)
    assert energies_j[1] == pytest.approx(energies_j[0], abs=max(stated_j) + ROUNDING_J)
