"""The readings of a power sensor on the beat at which it publishes, those that repeat the former included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llenergymeasure.metrics.publications import find_publications

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN = 0.02
"""Of a period: a sample so near to a beat may show the reading before it or the one after."""
FEWEST = 30


@dataclass(frozen=True, kw_only=True)
class Beat:
    """At `t_s` the sensor published `power_w`, as far as it was `seen`: arrays of shape (n,), no beat left out."""

    t_s: NDArray[Any]
    power_w: NDArray[Any]
    seen: NDArray[Any]
    period_s: float

    def __len__(self) -> int:
        return len(self.t_s)


def find_beat(t_s: NDArray[Any], power_w: NDArray[Any]) -> Beat | None:
    """Return the readings behind samples `power_w` at `t_s`, both of shape (n,); None where they keep no beat.

    What is published between two samples is not seen; what was sampled and had not changed was published again.
    """
    import numpy as np

    published = find_publications(t_s, power_w)
    if published.period_s is None or len(published) < FEWEST:
        return None
    period_s = published.period_s
    number = np.concatenate([[0], np.cumsum(np.round(np.diff(published.t_s) / period_s))])
    beats_s = np.interp(np.arange(number[-1] + 1), number, published.t_s)
    ends_s = np.append(beats_s[1:], beats_s[-1] + period_s)
    shown_by = np.searchsorted(t_s, ends_s - MARGIN * period_s) - 1
    return Beat(
        t_s=beats_s,
        power_w=power_w[np.maximum(shown_by, 0)],
        seen=(shown_by >= 0) & (t_s[shown_by] >= beats_s + MARGIN * period_s),
        period_s=period_s,
    )
