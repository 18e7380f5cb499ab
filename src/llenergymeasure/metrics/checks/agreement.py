"""Checks of the figures' agreement: intervals that say nothing, windows of different speed, compilation in a window."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llenergymeasure.domain.estimate import Estimate, digits
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

JUDGED = (
    "total_energy_j",
    "energy_per_output_token_j",
    "energy_per_input_token_j",
    "energy_per_token_j",
    "energy_per_request_j",
    "mean_power_w",
    "total_inference_time_s",
    "output_tokens_per_s",
    "ttft_s",
    "tpot_s",
)
"""Figures that cannot be zero. Differences, such as net energy, can: a wide interval around zero says it is small."""

INTERVAL_WIDE = WarningCode(
    code="interval_wide",
    meaning="The 95 % interval of a figure is so wide that the figure says little: over 100 %, not even its order of "
    "magnitude.",
    remedy="Find what disturbed the windows (the other warnings say what was seen), lengthen them "
    "(measurement.window.min_duration_s), or allow more repeats.",
    severity=Levels(of="half-width of the widest interval over its figure", warning=0.5, invalid=1.0),
    because="Over 100 % the interval contains zero, which such a figure cannot be; at 50 % its ends differ by a factor "
    "of three.",
)
WINDOWS_DIFFER = WarningCode(
    code="windows_differ",
    meaning="Windows of the same work took very different times: at least one of them measured something else.",
    remedy="Warm up for longer (measurement.warmup.min_duration_s), and end what else runs on the machine.",
    severity=Levels(
        of="time per token of the slowest window over that of the fastest", warning=2.0, invalid=10.0
    ),
    because="A judgement: clocks and temperature change the speed by less than a factor of two; the mean over windows "
    "of different orders of magnitude belongs to none of them.",
)
COMPILED_IN_WINDOW = WarningCode(
    code="compiled_in_window",
    meaning="Code was compiled within the windows: their time and energy include the compiler's.",
    remedy="Use prompts of fewer different lengths or pytorch.batch_size: 1, or leave pytorch.torch_compile out.",
    severity=Levels(of="fraction of the windows' time spent compiling", warning=0.0, invalid=0.1),
    because="A judgement: over 10 % the figures are those of the compiler too.",
)


def check_intervals_say_something(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Figures whose interval is wider than half of their value. Of an estimate, `energy_estimated` says as much."""
    wide = {name: inputs.estimates[name] for name in JUDGED if _is_wide(inputs.estimates.get(name))}
    if wide:
        listed = ", ".join(f"{name} {_text(estimate)}" for name, estimate in wide.items())
        yield from INTERVAL_WIDE.raised(
            f"The 95 % half-width is over half of the value, or of an estimate over all of it: {listed}.",
            magnitude=max(each.relative_half_width or 0.0 for each in wide.values()),
        )


def check_windows_agree(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Windows of very different time per token."""
    times_s = [row.duration_s / row.total_tokens for row in inputs.rows if row.total_tokens]
    if len(times_s) < 2 or min(times_s) <= 0:
        return
    ratio = max(times_s) / min(times_s)
    yield from WINDOWS_DIFFER.raised(
        f"The slowest window took {ratio:.1f} times as long per token as the fastest "
        f"({digits(max(times_s) * 1e3, 3)} ms against {digits(min(times_s) * 1e3, 3)} ms).",
        magnitude=ratio,
    )


def check_nothing_was_compiled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Compilation within the windows."""
    compiled_s, total_s = inputs.compiled_in_windows_s, sum(row.duration_s for row in inputs.rows)
    if compiled_s and total_s > 0:
        yield from COMPILED_IN_WINDOW.raised(
            f"The compiler ran for {compiled_s:.1f} s between the start of the first window and the end of the last; "
            f"the windows took {total_s:.1f} s.",
            magnitude=compiled_s / total_s,
        )


def _is_wide(estimate: Estimate | None) -> bool:
    relative = None if estimate is None else estimate.relative_half_width
    if estimate is None or relative is None:
        return False
    limit = 1.0 if estimate.method == "estimated" else 0.5
    return relative > limit


def _text(estimate: Estimate) -> str:
    """Return the interval with two digits of its half-width and the value to the same place, as a result shows it."""
    assert estimate.half_width is not None  # a wide one has it
    half = digits(estimate.half_width)
    places = 1 - math.floor(math.log10(float(half)))
    return f"{round(estimate.value, places) + 0.0:g} ± {half} {estimate.unit}"
