"""Energy by request: the derived table, and what the result says about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from llenergymeasure.core.record import Count, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RowKind = Literal["request", "idle", "overhead"]

ATTRIBUTION_COLUMNS: tuple[tuple[str, str], ...] = (
    ("repeat", "i4"),
    ("kind", "O"),
    ("request_id", "O"),
    ("status", "O"),
    ("prompt_tokens", "i4"),
    ("output_tokens", "i4"),
    ("prefill_energy_j", "f8"),
    ("decode_energy_j", "f8"),
    ("energy_j", "f8"),
)
"""Name and numpy type of every column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttributionTable:
    """One row for each window and request in flight in it, and the rows `idle` and `overhead` of each window.

    Immutable columns of shape (n,). The energies of one window add up to its energy, over all included channels.
    """

    repeat: NDArray[np.int32]
    """The window in which the energy was spent; a request that was under way at an edge has a row in both."""
    kind: NDArray[np.object_]
    request_id: NDArray[np.object_]
    """None for idle and overhead, and so is `status`."""
    status: NDArray[np.object_]
    prompt_tokens: NDArray[np.int32]
    """Of the whole request; `UNKNOWN` for idle and overhead, and so are `output_tokens`."""
    output_tokens: NDArray[np.int32]
    prefill_energy_j: NDArray[np.float64]
    """Of the steps until the one that brought the first token; NaN for idle and overhead."""
    decode_energy_j: NDArray[np.float64]
    energy_j: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.repeat)

    def select(self, rows: NDArray[Any]) -> AttributionTable:
        """Return some of the rows, by a mask of shape (n,) or by their indices."""
        return AttributionTable(**{name: getattr(self, name)[rows] for name, _ in ATTRIBUTION_COLUMNS})

    def of_kind(self, kind: RowKind) -> AttributionTable:
        """Return the rows of one kind."""
        import numpy as np

        return self.select(np.asarray(self.kind == kind, dtype=bool))


class EnergySpread(Record):
    """Energies of requests: their mean, median, 95th percentile and highest, in joules."""

    mean_j: float
    """Mean over the requests."""
    p50_j: float
    """Median."""
    p95_j: float
    """95th percentile."""
    max_j: float
    """The most that one request took."""


class ObservedRange(Record):
    """The least and the most of what was counted in the windows."""

    least: Count
    """The least that was observed."""
    most: Count
    """The most that was observed."""


class FittedCosts(Record):
    """The fitted costs of a step, whose sum with the amounts in it is its energy; over all devices.

    Coefficients of one fit: where steps are alike, some of them may stand for others. The prices have intervals.
    """

    step_j: float
    """Energy of a step that does not depend on what is in it."""
    prefill_token_j: float
    """Energy of each prompt token that is computed."""
    decode_token_j: float
    """Energy of each token that is generated, other than the first of a request."""
    context_token_j: float
    """Energy of each token in the context of a request, in each step."""
    idle_power_w: float
    """Power outside of steps."""


class AttributionSummary(Record):
    """How the energy of the windows was shared among requests, and how far that can be trusted."""

    requests: int
    """Answered requests that were scheduled and ended in a window: the spreads are of these."""
    prefill: EnergySpread | None = None
    """Energy until the first token, of these requests; None without one."""
    decode: EnergySpread | None = None
    """Energy after the first token, of these requests; None without one."""
    total: EnergySpread | None = None
    """Energy of these requests; None without one."""
    requests_energy_j: float
    """Of all requests, those that failed or were cut off included."""
    idle_energy_j: float
    """Of the time in the windows in which no request was in flight."""
    overhead_energy_j: float
    """Of the time in which requests were in flight and no step computed, and of steps that no request was part of."""
    idle_share: float | None = None
    """`idle_energy_j` over the energy of the windows; None where that is 0."""
    overhead_share: float | None = None
    """`overhead_energy_j` over the energy of the windows; None where that is 0."""
    r2: float | None = None
    """Share of the variance of the energies of the sensor's cells that the model of step costs explains: near 1 the
    costs are good, below 0.5 they are information `step_costs_inaccurate`, and below 0 a constant explains more."""
    costs: FittedCosts | None = None
    """The model; None in results of older releases."""
    condition_number: float | None = None
    """Of the model's least squares; None where columns depend on each other."""
    out_of_sample_error: float | None = None
    """Root mean square of the relative error of the energy of a repeat, by a model fitted on the others."""
    out_of_sample_reason: str | None = None
    """Why `out_of_sample_error` is None."""
    shapley_distance: float | None = None
    """Mean absolute difference between the energies of requests and their Shapley values, over the mean energy."""
    shapley_sampling_error: float | None = None
    """Mean standard error of the sampled values, over the mean energy."""
    shapley_orders: int = 0
    """How many random orders of each step were sampled."""
    prompt_tokens: ObservedRange | None = None
    """Of the answered requests: the prices are valid within these ranges. None where nothing was observed."""
    output_tokens: ObservedRange | None = None
    """Of the answered requests."""
    requests_per_step: ObservedRange | None = None
    """Requests that took part in one step."""
    context_tokens: ObservedRange | None = None
    """Tokens in the KV cache of one request in one step."""
