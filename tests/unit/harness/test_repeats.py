"""Repeats do identical work and stop when the interval is narrow enough, or at the cap."""

from __future__ import annotations

from collections.abc import Callable

from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.metrics.energy.running_account import LEAD_NS
from llenergymeasure.testing import KnownPower, StandInBackend, VirtualClock
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", text="one two three") for number in range(4)]


def _measure(
    power_w: Callable[[int], float],
    drift: float = 0.0,
    metering: type[KnownPower] = KnownPower,
    **repeats: object,
) -> tuple[str, Recorder]:
    clock = VirtualClock()
    log = Recorder(clock=clock)
    backend = StandInBackend()
    options = {"token_s": 0.05, "drift": drift}
    backend.load(ExperimentConfig(model="any", backend="standin", standin=options), clock)
    config = MeasurementConfig.model_validate({"window": {"min_duration_s": 1.0}, "repeats": repeats})
    power = metering(clock, power_w)
    clock.sleep(1.0)
    return measure_repeats(offline(backend, PROMPTS, clock), config, log, power), log


def _steady(_time_ns: int) -> float:
    return 100.0


def test_steady_cost_stops_at_the_minimum() -> None:
    reason, log = _measure(_steady, min=3, max=10, target_relative_ci=0.02)
    assert (reason, len(log.phases)) == ("target_reached", 3)


def test_drifting_cost_goes_on_to_the_cap_and_says_so() -> None:
    reason, log = _measure(_steady, drift=0.05, min=3, max=6, target_relative_ci=0.01)
    assert (reason, len(log.phases)) == ("max_reached", 6)


def test_no_target_runs_exactly_the_minimum() -> None:
    reason, log = _measure(_steady, drift=0.05, min=4, max=10, target_relative_ci=None)
    assert (reason, len(log.phases)) == ("fixed", 4)


def test_every_repeat_does_the_work_of_the_first() -> None:
    _, log = _measure(_steady, drift=0.05, min=3, max=3)
    per_repeat = [int((log.requests.table().repeat == number).sum()) for number in range(3)]
    assert per_repeat[0] == per_repeat[1] == per_repeat[2] > 0


def test_the_stop_rule_looks_at_the_samples_of_the_last_window_alone() -> None:
    """The energies of the windows before it are remembered."""
    asked_ns: list[int | None] = []

    class Watched(KnownPower):
        def trace(self, since_ns: int | None = None) -> EnergyTrace:
            asked_ns.append(since_ns)
            return super().trace(since_ns)

    _, log = _measure(_steady, drift=0.05, metering=Watched, min=3, max=6, target_relative_ci=0.001)
    starts_ns = [window.start_unix_ns - LEAD_NS for window in log.phases]
    assert asked_ns == [starts_ns[0], *starts_ns[3:]]


def test_windows_do_not_touch() -> None:
    _, log = _measure(_steady, min=3, max=3)
    for before, after in zip(log.phases, log.phases[1:], strict=False):
        assert after.start_unix_ns - before.end_unix_ns >= 300_000_000
