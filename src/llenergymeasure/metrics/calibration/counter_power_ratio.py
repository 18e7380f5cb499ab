"""Ratio of a device's energy counter to its integrated power readings under a steady load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.calibration import LoadStep
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.metrics.calibration.settled_interval import settled_interval
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.statistics.estimates import ratio_estimate

BLOCK_S = 2.0
"""Long enough for some twenty readings, short enough for several blocks in a step."""


def counter_over_power(channel: Channel, samples: NDArray[Any], steps: Sequence[LoadStep]) -> Estimate | str:
    """Return energy by the counter over energy by integrated power, block by block of the steady load, or why not.

    The interval is from the spread of the blocks and from the uncertainty of edges and sampling in each.
    """
    if channel.method != "counter":
        return "it has no counter and power reading to compare"
    both = EnergyTrace(
        channels=(channel, channel.model_copy(update={"method": "sampled"})), samples=_twice(samples)
    )
    counter, power = build_curves(both)
    edges_ns = np.array(list(_blocks(steps)), dtype=np.int64).reshape(-1, 2).T
    if edges_ns.size == 0:
        return "there was no steady load long enough to compare them"
    counted, integrated = counter.energies(*edges_ns), power.energies(*edges_ns)
    if counted.total_j is None or integrated.total_j is None or counted.method != "counter":
        return f"it cannot be compared: {counted.reason or integrated.reason or 'the counter does not move'}"
    error_j = math.hypot(*counted.random_error_j, *integrated.random_error_j)
    ratio = ratio_estimate(
        counted.energy_j.tolist(),
        integrated.energy_j.tolist(),
        unit="1",
        method="derived",
        fixed_half_width=error_j / integrated.total_j,
    )
    return ratio or "the integrated power is not above zero"


def _twice(samples: NDArray[Any]) -> NDArray[Any]:
    """Return the samples of one channel under the numbers 0 and 1."""
    both = np.concatenate([samples, samples])
    both["channel"] = np.repeat([0, 1], len(samples))
    return both


def _blocks(steps: Sequence[LoadStep]) -> Iterator[tuple[int, int]]:
    for step in steps:
        if step.steady and step.loaded:
            start_ns, end_ns = settled_interval(step)
            count = max(1, int((end_ns - start_ns) / (BLOCK_S * 1e9)))
            length_ns = (end_ns - start_ns) // count
            for number in range(count):
                yield start_ns + number * length_ns, start_ns + (number + 1) * length_ns
