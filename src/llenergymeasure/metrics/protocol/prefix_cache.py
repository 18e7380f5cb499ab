"""What became of the cache policy of a run."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts, PrefixCacheUse
from llenergymeasure.metrics.energy.windows import WindowTotals


def prefix_cache_use(facts: PrefixCacheFacts | None, rows: Sequence[WindowTotals]) -> PrefixCacheUse | None:
    """Return how much of the prompts came from the prefix cache; None where the run has no facts of it."""
    if facts is None:
        return None
    by_repeat = tuple(row.cached_input_tokens for row in rows)
    known = [each for each in by_repeat if each is not None]
    cached = sum(known) if len(known) == len(rows) and rows else None
    read = sum(row.input_tokens for row in rows)
    return PrefixCacheUse(
        policy=facts.policy,
        met_by=facts.met_by,
        reset_refused=facts.reset_refused,
        distinct_requests=facts.distinct_requests,
        repeated_requests=facts.repeated_requests,
        cached_tokens=cached,
        cached_fraction=cached / read if cached is not None and read else None,
        cached_tokens_by_repeat=by_repeat,
    )
