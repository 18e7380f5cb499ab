"""What bounds prefill and decoding: arithmetic, memory, or the host; with the peaks that this was judged by."""

from __future__ import annotations

from typing import Literal

from llenergymeasure.core.nvidia.peaks import Precision
from llenergymeasure.core.record import Record

Bound = Literal["compute", "memory", "host"]


class PhaseRoofline(Record):
    """One phase over all windows; what is not known is None."""

    bound: Bound | None = None
    """The limit: `compute`, `memory`, or the `host` for which the cards wait."""
    reason: str
    """Why it is bound so, with the numbers; where `bound` is None, why that is not known."""
    arithmetic_intensity_flop_per_byte: float | None = None
    """FLOPs of the model over the bytes that have to move."""
    duration_s: float | None = None
    """Time of the engine's steps of this phase."""
    sm_activity_pct: float | None = None
    """Mean of the readings that lie wholly within this phase, over all cards; so are the two after it."""
    tensor_activity_pct: float | None = None
    """How busy the tensor cores were."""
    dram_activity_pct: float | None = None
    """Memory traffic over what the memory can do."""


class Roofline(Record):
    """The cards of the model, their peaks by their maker's sheet, and what bounds each phase.

    The peaks are those of the sheet also where a power limit, the clocks or the temperature hold the card below.
    """

    card: str | None = None
    """Name in NVML; None where there is no card, or none whose peaks are known."""
    cards: int | None = None
    """On how many of them the model lies."""
    precision: Precision | None = None
    """Of the matrix products."""
    peak_flops_per_s: float | None = None
    """Of one card, dense, in this precision."""
    memory_bandwidth_bytes_per_s: float | None = None
    """Of one card."""
    ridge_flop_per_byte: float | None = None
    """Peak over bandwidth: with more FLOPs per byte than that, arithmetic is the limit, with fewer memory."""
    sheet: str | None = None
    """The maker's sheet with these peaks."""
    url: str | None = None
    """Where it is published."""
    limits: tuple[str, ...] = ()
    """What keeps a card below its sheet by a setting: a power limit below the default."""
    rule: str
    """By which `bound` of each phase was found."""
    prefill: PhaseRoofline
    """The passes over prompts."""
    decode: PhaseRoofline
    """The passes after those."""
    unknown: str | None = None
    """Why there are no peaks to compare with."""
