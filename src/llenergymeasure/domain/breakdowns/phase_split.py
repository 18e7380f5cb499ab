"""How the energy of the windows was split into prefill and decode."""

from __future__ import annotations

from typing import Literal

from llenergymeasure.core.record import Record

SplitMethod = Literal["intervals", "least_squares", "model"]


class PhaseSplit(Record):
    """How the energy of the windows was split into prefill, decode and rest, and how well that worked.

    The three energies add up to the energy of the windows. All are None where there is no split, and `reason` says why.
    """

    method: SplitMethod | None = None
    """`intervals`: each phase is long enough for the sensors, and its energies are those of its intervals on the trace.
    `least_squares`: fitted to all intervals that the sensors resolve. `model`: steps mix the phases, and a fitted cost
    of tokens and steps shares them."""
    reason: str | None = None
    """Why there is no split."""
    remedy: str | None = None
    """What makes the phases identifiable; null where the load would have to be another one."""
    phases_from: Literal["steps", "requests"] | None = None
    """Whether the engine stated its steps, or the times of the requests stand for them."""
    prefills: int | None = None
    """Times that the model went over from decoding or resting to reading prompts."""
    cells: int | None = None
    """Intervals of the sensors that the split was fitted to."""
    prefill_s: float | None = None
    """Time in the windows in which the model read prompts."""
    decode_s: float | None = None
    """Time in the windows in which it wrote tokens after the first."""
    rest_s: float | None = None
    """Time in the windows in which the model did neither."""
    prefill_tokens: int | None = None
    """Prompt tokens that were computed in the windows: those of a prefix cache are not among them."""
    decode_tokens: int | None = None
    """Output tokens after the first of each request."""
    prefill_energy_j: float | None = None
    """Energy of the windows while the model read prompts."""
    decode_energy_j: float | None = None
    """Energy of the windows while it wrote tokens after the first."""
    rest_energy_j: float | None = None
    """Energy of the windows while it did neither."""
    relative_residual: float | None = None
    """Root mean square of what the energies of the cells differ from the fit, over that of these energies."""
    condition_number: float | None = None
    """Of the fit's columns, each scaled to length 1; of the worst sensor."""
    fitted_share: float | None = None
    """The fitted energies over the measured one; the energies stated are divided by it, so that they add up."""
