"""Checks of the sampling: sensors that are read less often than they should be, and pauses between readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from llenergymeasure.domain.estimate import digits
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.trace import MeterPace
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.curve import EnergyCurve
from llenergymeasure.metrics.signals.gaps import find_sampling_gaps, gaps_in

MORE_TIME = (
    "Give the sampler more processor time: fewer threads than the machine has cores (pytorch.num_threads, "
    "llamacpp.n_threads), and no other programs beside the run"
)
SAMPLE_GAP = WarningCode(
    code="sample_gap",
    meaning="A meter was not read within a window for more than 0.5 s and ten of its periods.",
    remedy=MORE_TIME + ".",
    severity=Levels(of="longest time without a reading, as a fraction of the windows", least="warning"),
    because="The total of a counter still contains the energy of the pause, but an end of a window near the pause is "
    "placed less exactly, and the interval is wider for it. Where energy comes from power readings, the energy of a "
    "window with such a pause is unknown (`energy_unknown`). Shorter pauses have no warning: they widen the interval "
    "of energy from power readings. How long a pause was does not change the severity.",
)
SAMPLING_SLOW = WarningCode(
    code="sampling_slow",
    meaning="A meter was read less often than it should be during the windows. Counters lose no energy by it, but the "
    "ends of the windows are placed less exactly, and power between readings is unseen.",
    remedy="Measure longer windows (measurement.window.min_duration_s). The warning of a run says what took long and "
    "what helps: where the devices' calls do, end what else reads them (nvidia-smi, dcgm); where another meter does, "
    "name fewer meters (energy.meters); else give the sampler more processor time.",
    severity=Levels(of="mean time between two readings over the period of the meter", info=1.5, warning=2.0),
    because="The intervals are wider for readings that are further apart. They are not wider for calls that take long: "
    "a reading counts as taken in the middle of its call, and may be off by up to half of the call's time. "
    "From twice the period on, updates of a counter every 20 ms (V100, H100) are no longer told apart, and an edge is "
    "known to the time between readings instead of a fraction of it.",
)
SLOW_CALLS = "End what else reads the devices (nvidia-smi, dcgm), and measure longer windows."
HELD_UP = "Name fewer meters (energy.meters), or measure longer windows."
LATE = f"{MORE_TIME}; or measure longer windows."
SLOW = 0.5
"""A reading that takes a larger share of the period explains why it is not kept."""


def check_sampling_kept_up(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Pauses between two readings within a window."""
    longest: list[tuple[float, str]] = []
    for index, curve in _measured(inputs):
        pace = _pace(inputs, curve)
        pauses = find_sampling_gaps(inputs.account.trace.of(index), pace.period_s if pace else None)
        lasted = [gap.duration_s for gap in pauses if gap.touches(inputs.windows)]
        if lasted:
            longest.append((max(lasted), curve.channel.label))
    if longest:
        labels = ", ".join(dict.fromkeys(label for _, label in longest))
        windows_s = sum(window.duration_s for window in inputs.windows)
        yield from SAMPLE_GAP.raised(
            f"Within a window there were up to {max(longest)[0]:.1f} s without a reading of {labels}.",
            magnitude=max(longest)[0] / windows_s if windows_s else None,
        )


def check_period_was_held(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Meters that were read less often during the windows than at their period."""
    for pace in inputs.paces:
        held_s = {
            curve.channel.label: float(np.mean(gaps_s))
            for index, curve in _measured(inputs)
            if curve.channel.meter == pace.meter
            and len(gaps_s := gaps_in(inputs.account.trace.of(index), inputs.windows))
        }
        if held_s:
            longest_s = max(held_s.values())
            why, remedy = _cause(pace, inputs.paces)
            yield from SAMPLING_SLOW.raised(
                f"Meter '{pace.meter}' read {_devices(list(held_s))} every {_ms(longest_s)} on average during the "
                f"windows, not every {_ms(pace.period_s)}{why}.",
                magnitude=longest_s / pace.period_s,
                remedy=remedy,
            )


def _cause(pace: MeterPace, paces: Sequence[MeterPace]) -> tuple[str, str | None]:
    """Return in words why a meter was read less often than it should be, and the remedy."""
    if pace.reading_s is None:
        return "", None
    of = "one device, all of them at the same time," if pace.in_parallel else "all its sensors"
    took = f": a reading of {of} took {_ms(pace.reading_s)}"
    if pace.reading_s > SLOW * pace.period_s:
        return took, SLOW_CALLS
    others = [each for each in paces if each.meter != pace.meter and not each.in_parallel]
    slowest = max(others, key=lambda each: each.reading_s or 0.0, default=None)
    if slowest is not None and (slowest.reading_s or 0.0) > SLOW * pace.period_s:
        return (
            f"{took}, and one of meter '{slowest.meter}' between them {_ms(slowest.reading_s or 0.0)}",
            HELD_UP,
        )
    return f"{took}, so the sampler had too little processor time", LATE


def _devices(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{len(labels)} devices ({labels[0]} to {labels[-1]})"


def _ms(seconds: float) -> str:
    return f"{digits(seconds * 1e3)} ms"


def _pace(inputs: CheckInputs, curve: EnergyCurve) -> MeterPace | None:
    return next((each for each in inputs.paces if each.meter == curve.channel.meter), None)


def _measured(inputs: CheckInputs) -> Iterable[tuple[int, EnergyCurve]]:
    """Yield the curves, with their index, that do not come from a model: how often that is asked hardly matters."""
    return ((index, each) for index, each in enumerate(inputs.account.curves) if each.method != "estimated")
