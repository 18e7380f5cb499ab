"""Machines at rest on a virtual clock: known power, known temperature, and a run on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.harness.cooldown import cool_down
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.testing import KnownPower, StandInBackend, VirtualClock
from tests.support.driving import offline

PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(4)]
Power = Callable[[float], float]
"""Watts at a number of seconds since the run began."""


@dataclass
class WarmPower(KnownPower):
    """A power source that also says how warm its device is: `celsius` at a number of seconds since it was made."""

    celsius: Callable[[float], float | None] = lambda _seconds: None

    def recent_temperature_c(self) -> float | None:
        return self.celsius((self.clock.now_ns() - self._start_ns) / 1e9)

    def trace(self, since_ns: int | None = None) -> EnergyTrace:
        trace = super().trace(since_ns)
        seconds = (trace.samples["t_unix_ns"] - self._start_ns) / 1e9
        trace.samples["temperature_c"] = [
            np.nan if (celsius := self.celsius(float(second))) is None else celsius for second in seconds
        ]
        return trace


def known_power(clock: VirtualClock, power: Power, **more: Any) -> WarmPower:
    """Return a source whose power is stated in seconds from now."""
    start_ns = clock.now_ns()
    return WarmPower(clock, lambda time_ns: power((time_ns - start_ns) / 1e9), **more)


def config(**measurement: Any) -> ExperimentConfig:
    """Return a short experiment of three windows of two seconds."""
    return ExperimentConfig.model_validate(
        {
            "model": "any",
            "backend": "standin",
            "standin": {"token_s": 0.05},
            "measurement": {
                "window": {"min_duration_s": 2.0},
                "repeats": {"min": 3, "max": 3},
                **measurement,
            },
        }
    )


def run(
    settings: ExperimentConfig, clock: VirtualClock, power: KnownPower, reuse: BaselineReuse | None = None
) -> ExperimentResult:
    """Take a run with every baseline asked for, as the straight path does; `reuse` stands for the bare one."""
    log = Recorder(clock=clock)
    baseline = settings.measurement.baseline
    backend = StandInBackend()
    cool_down(settings.measurement.cooldown, log, power)
    if reuse is None:
        measure_idle("baseline_idle", baseline.idle_s, log, power)
    else:
        measure_idle("baseline_check", 2.0, log, power)
    with log.phase("attach"):
        backend.attach(settings, clock)
        clock.sleep(0.5)
    measure_idle("baseline_context", baseline.context_s, log, power)
    with log.phase("load"):
        info = backend.load(settings, clock)
        clock.sleep(1.0)
    measure_idle("baseline_loaded", baseline.loaded_s, log, power)
    reason = measure_repeats(offline(backend, PROMPTS, clock), settings.measurement, log, power)
    clock.sleep(1.0)
    raw = RawRun(
        trace=power.trace(),
        phases=tuple(log.phases),
        requests=log.requests.table(),
        facts=RunFacts(experiment_id="run", model_info=info, baseline=reuse, stopped_because=reason),
    )
    return assemble(settings, raw).result
