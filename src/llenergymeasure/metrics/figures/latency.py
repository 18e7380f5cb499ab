"""Latency over the windows: the distribution of every metric, answered requests alone and with the failed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.performance.latency_metrics import LATENCY_METRICS, LatencyMetric, MetricValues
from llenergymeasure.metrics.statistics.distributions import STATISTICS, Values, describe


def latency_distributions(rows: Sequence[WindowTotals]) -> dict[str, Distribution]:
    """Return the distribution of each metric over the answered requests that began and ended inside a window."""
    found = {metric.name: _distribution(metric, rows, with_failures=False) for metric in LATENCY_METRICS}
    return {metric.name: _labelled(metric, found) for metric in LATENCY_METRICS}


def latency_with_failures(rows: Sequence[WindowTotals]) -> dict[str, Distribution]:
    """Return the same of the metrics that have a meaning for a failed request, which counts as infinitely late."""
    return {
        metric.name: _distribution(metric, rows, with_failures=True)
        for metric in LATENCY_METRICS
        if metric.counts_failures
    }


def _labelled(metric: LatencyMetric, found: Mapping[str, Distribution]) -> Distribution:
    """Return a distribution under the name that holds only where every chunk is one token, if that is so."""
    most = found["tokens_per_chunk"].statistics.get("max")
    if metric.label_of_single_tokens is None or most is None or most.value > 1:
        return found[metric.name]
    return found[metric.name].model_copy(update={"label": metric.label_of_single_tokens})


def _distribution(
    metric: LatencyMetric, rows: Sequence[WindowTotals], *, with_failures: bool
) -> Distribution:
    known = [metric.of(row.whole) for row in rows]
    failed = [len(row.whole_failed) if with_failures else 0 for row in rows]
    windows = [_values(each, lost) for each, lost in zip(known, failed, strict=True)]
    n = sum(map(len, windows))
    described = describe(windows, unit=metric.unit, things=metric.things, groups=metric.groups)
    return Distribution(
        label=metric.label,
        unit=metric.unit,
        n=n,
        failed=sum(failed),
        not_defined=sum(
            len(row.whole) - len(np.unique(each.request)) for row, each in zip(rows, known, strict=True)
        ),
        cut_off=sum(row.cut_off for row in rows),
        statistics=described.statistics,
        unknown=described.unknown if n else dict.fromkeys(STATISTICS, metric.missing_because),
    )


def _values(known: MetricValues, failed: int) -> Values:
    """Return the known values, and an infinite one for each failed request; groups are numbered without gaps."""
    used = np.bincount(known.group) > 0
    group = (np.cumsum(used) - 1)[known.group]
    alone = np.count_nonzero(used) + np.arange(failed)
    return Values(
        value=np.concatenate([known.value, np.full(failed, np.inf)]), group=np.concatenate([group, alone])
    )
