"""The stored energies of requests against those that follow from the raw tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS, AttributionTable
from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.orchestration.verification.differences import ABSOLUTE, RELATIVE
from llenergymeasure.results import layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def attribution_differences(
    stored: AttributionTable | None, recomputed: AttributionTable | None
) -> Iterator[Finding]:
    """Yield one finding for each column that differs, with its first row; a missing file is found by its name."""
    if stored is None:
        return
    if recomputed is None:
        yield Finding(
            file=layout.ATTRIBUTION, message="is there, but the raw tables give no energy by request"
        )
    elif len(stored) != len(recomputed):
        message = f"has {len(stored)} rows; recomputed are {len(recomputed)}"
        yield Finding(file=layout.ATTRIBUTION, message=message)
    else:
        for name, kind in ATTRIBUTION_COLUMNS:
            yield from _of_column(name, kind, getattr(stored, name), getattr(recomputed, name))


def _of_column(name: str, kind: str, stored: NDArray[Any], recomputed: NDArray[Any]) -> Iterator[Finding]:
    import numpy as np

    if kind == "f8":
        unequal = ~np.isclose(stored, recomputed, rtol=RELATIVE, atol=_rounding_j(recomputed), equal_nan=True)
    else:
        unequal = np.asarray(stored != recomputed, dtype=bool)
    rows = np.flatnonzero(unequal)
    if len(rows):
        first = int(rows[0])
        message = f"row {first}: stored {stored[first]}, recomputed {recomputed[first]}"
        others = f"; and {len(rows) - 1} more rows" if len(rows) > 1 else ""
        yield Finding(file=layout.ATTRIBUTION, field=name, message=message + others)


def _rounding_j(energy_j: NDArray[np.float64]) -> float:
    """Return the rounding error that a small energy has as a part of large ones."""
    import numpy as np

    return max(ABSOLUTE, RELATIVE * float(np.nanmax(np.abs(energy_j), initial=0.0)))
