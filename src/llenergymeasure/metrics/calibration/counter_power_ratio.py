"""Whether a device's energy counter and its power readings agree under a steady load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.calibration import LoadStep
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.metrics.calibration.settled_interval import settled
from llenergymeasure.metrics.energy.build import build_curves
from llenergymeasure.metrics.statistics.estimates import ratio_estimate

BLOCK_S = 2.0
"""Long enough for some twenty readings, short enough for several blocks in a step."""


def counter_over_power(channel: Channel, samples: NDArray[Any], steps: Sequence[LoadStep]) -> Estimate | str:
    """Return energy by the counter over energy by integrated power, block by block of the steady load, or why not.

    The interval is from the spread of the blocks and from what edges and sampling leave open in each.
    """
    if channel.method != "counter":
        return "it has no counter and power reading to compare"
    both = EnergyTrace(
        channels=(channel, channel.model_copy(update={"method": "sampled"})), samples=_twice(samples)
    )
    counter, power = build_curves(both)
    pairs = [(counter.between(*block), power.between(*block)) for block in _blocks(steps)]
    counted_j, powered_j, edges_j = [], [], []
    for count, integral in pairs:
        if count.energy_j is None or integral.energy_j is None or count.method != "counter":
            return f"it cannot be compared: {count.reason or integral.reason or 'the counter does not move'}"
        counted_j.append(count.energy_j)
        powered_j.append(integral.energy_j)
        edges_j += [count.edge_error_j, integral.edge_error_j]
    doubt = math.hypot(*edges_j) / math.fsum(powered_j) if pairs else 0.0
    ratio = ratio_estimate(counted_j, powered_j, unit="1", method="derived", fixed_half_width=doubt)
    return ratio or "there was no steady load long enough to compare them"


def _twice(samples: NDArray[Any]) -> NDArray[Any]:
    """Return the samples of one channel under the numbers 0 and 1."""
    both = np.concatenate([samples, samples])
    both["channel"] = np.repeat([0, 1], len(samples))
    return both


def _blocks(steps: Sequence[LoadStep]) -> Iterator[tuple[int, int]]:
    for step in steps:
        if step.steady and step.loaded:
            start_ns, end_ns = settled(step)
            count = max(1, int((end_ns - start_ns) / (BLOCK_S * 1e9)))
            length_ns = (end_ns - start_ns) // count
            for number in range(count):
                yield start_ns + number * length_ns, start_ns + (number + 1) * length_ns
