"""What bounds a phase: the rule, and its sentence with the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from llenergymeasure.domain.breakdowns.roofline import Bound
from llenergymeasure.domain.estimate import digits

NEAR_A_ROOF = 0.25
"""Share of a peak below which neither arithmetic nor memory explains the time. A judgement: tuned engines reach 40 to
70 % of one of the two, and eager PyTorch with small batches, whose cards wait for each kernel to be launched, a few
percent to a fifth."""
SMS_IDLE_PCT = 50.0
"""Mean SM activity below which the card mostly waits. Source: NVIDIA's DCGM user guide, "Profiling metrics": less than
0.5 likely indicates ineffective use of the GPU, 0.8 is needed for an effective one."""
RULE = (
    "host: the SMs had work for less than "
    f"{SMS_IDLE_PCT:.0f} % of the phase's time, or, on a card without that reading, neither MFU nor MBU reaches "
    f"{100 * NEAR_A_ROOF:.0f} % (a judgement); of several cards, which may take turns, these are multiplied by their "
    "number; else compute where the FLOPs per byte are at or above the ridge (peak over bandwidth), memory below it"
)


@dataclass(frozen=True, kw_only=True)
class PhaseUse:
    """How a phase used its cards; `sm_activity_pct` is None where the cards do not tell."""

    mfu: float
    mbu: float
    intensity_flop_per_byte: float
    ridge_flop_per_byte: float
    sm_activity_pct: float | None = None
    cards: int = 1
    """How many share the model. Layers on several cards are computed one card after the other, so that each waits for
    the others: only what would be too little even then is the host's doing."""


def what_bounds(use: PhaseUse) -> tuple[Bound, str]:
    """Return what bounds a phase, and why.

    `metrics.performance.host_bound` finds a device that waits for its host from two operating points, by power and
    latency; here there is one.
    """
    near = f"MFU {digits(100 * use.mfu)} %, MBU {digits(100 * use.mbu)} %"
    if use.sm_activity_pct is not None and use.cards * use.sm_activity_pct < SMS_IDLE_PCT:
        return "host", f"the SMs had work for {use.sm_activity_pct:.0f} % of the time ({near})"
    if use.sm_activity_pct is None and use.cards * max(use.mfu, use.mbu) < NEAR_A_ROOF:
        return "host", (
            f"neither roof is near ({near}): the card waits for its host, or its kernels are too small to fill it"
        )
    busy = "" if use.sm_activity_pct is None else f", SM activity {use.sm_activity_pct:.0f} %"
    side: Bound = "compute" if use.intensity_flop_per_byte >= use.ridge_flop_per_byte else "memory"
    relation = "at or above" if side == "compute" else "below"
    return side, (
        f"{digits(use.intensity_flop_per_byte, 3)} FLOP per byte is {relation} the ridge of "
        f"{digits(use.ridge_flop_per_byte, 3)} ({near}{busy})"
    )
