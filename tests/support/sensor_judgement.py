"""The warnings about one sensor in a run of three windows, from its samples alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Channel, EnergyTrace, MeterPace, Phase
from llenergymeasure.metrics.checks import energy, energy_source, sampling, sensors
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import Baselines
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures.breakdown import energy_breakdown
from tests.support.synthetic import ns

CHECKS = (
    energy.check_energy_is_known,
    sensors.check_counters_held,
    sampling.check_sampling_kept_up,
    sampling.check_period_was_held,
    sensors.check_sensors_answered,
    sensors.check_values_are_possible,
    sensors.check_power_is_fresh,
    energy_source.check_source_is_the_counter,
    energy_source.check_counter_agrees_with_power,
    energy_source.check_readings_are_of_the_device,
    energy_source.check_meter_is_the_systems,
)
IDLE = Phase(name="baseline_idle", start_unix_ns=ns(0.5), end_unix_ns=ns(2.5))
WINDOWS = [(3.0, 6.0), (6.5, 9.5), (10.0, 13.0)]
END_S = 14.0
"""Of the samples."""


def judge(
    samples: NDArray[Any], paces: Sequence[MeterPace] = (), **channel: Any
) -> tuple[list[RunWarning], EnergyBreakdown]:
    """Return the warnings about a run of three windows, and its energies."""
    known = bool(np.isfinite(samples["energy_j"]).any())
    one = Channel(
        **{
            "meter": "nvml",
            "domain": "gpu",
            "device": "GPU-1",
            "label": "GPU 0",
            "method": "counter" if known else "sampled",
            **channel,
        }
    )
    phases = [
        Phase(name="window", start_unix_ns=ns(start), end_unix_ns=ns(end), repeat=number)
        for number, (start, end) in enumerate(WINDOWS)
    ]
    account = EnergyAccount(EnergyTrace(channels=(one,), samples=samples))
    idle_w = account.mean_power_w(IDLE)
    breakdown = energy_breakdown(account, phases, Baselines())
    device = breakdown.by_device[0].model_copy(update={"idle_power_w": idle_w})
    breakdown = breakdown.model_copy(update={"by_device": (device,)})
    evidence = CheckInputs(
        config=ExperimentConfig(model="any"),
        rows=window_totals(account, phases, RequestTable.empty()),
        energy=breakdown,
        account=account,
        paces=paces,
    )
    return [warning for check in CHECKS for warning in check(evidence)], breakdown
