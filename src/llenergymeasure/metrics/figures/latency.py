"""Latency over the windows: the distribution of every metric, answered requests alone and with the failed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.performance.latency_metrics import LATENCY_METRICS, LatencyMetric, MetricValues
from llenergymeasure.metrics.statistics.distributions import STATISTICS, Values, describe


def latency_distributions(
    rows: Sequence[WindowTotals], info: ModelInfo | None = None
) -> dict[str, Distribution]:
    """Return the distribution of each metric over the answered requests that began and ended inside a window.

    `info` may say why there are no times of tokens.
    """
    found = {
        metric.name: _distribution(metric, rows, info, with_failures=False) for metric in LATENCY_METRICS
    }
    return {metric.name: _labelled(metric, found) for metric in LATENCY_METRICS}


def latency_with_failures(
    rows: Sequence[WindowTotals], info: ModelInfo | None = None
) -> dict[str, Distribution]:
    """Return the same of the metrics that have a meaning for a failed request, which counts as infinitely late."""
    return {
        metric.name: _distribution(metric, rows, info, with_failures=True)
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
    metric: LatencyMetric, rows: Sequence[WindowTotals], info: ModelInfo | None, *, with_failures: bool
) -> Distribution:
    known = [metric.of(row.whole) for row in rows]
    windows = [_values(metric, row, each, with_failures) for row, each in zip(rows, known, strict=True)]
    n = sum(map(len, windows))
    described = describe(windows, unit=metric.unit, things=metric.things, groups=metric.groups)
    return Distribution(
        label=metric.label,
        unit=metric.unit,
        n=n,
        failed=sum(len(row.whole_failed) for row in rows) if with_failures else 0,
        not_defined=sum(
            len(row.whole) - len(np.unique(each.request)) for row, each in zip(rows, known, strict=True)
        ),
        cut_off=sum(row.cut_off for row in rows),
        statistics=described.statistics,
        unknown=described.unknown
        if n
        else dict.fromkeys(STATISTICS, metric.why_unknown([row.whole for row in rows], info)),
    )


def _values(metric: LatencyMetric, row: WindowTotals, known: MetricValues, with_failures: bool) -> Values:
    """Return the values of one window, with an infinite one for each failed request if those count.

    Requests outside static batches are in the order in which they were served: they may have waited for each other.
    """
    failed = row.whole_failed if with_failures else RequestTable.empty()
    value = np.concatenate([known.value, np.full(len(failed), np.inf)])
    used = np.bincount(known.group) > 0
    group = np.concatenate(
        [(np.cumsum(used) - 1)[known.group], np.count_nonzero(used) + np.arange(len(failed))]
    )
    if metric.groups != "batches" or (row.whole.batch != UNKNOWN).any():
        return Values(value=value, group=group)
    starts = np.concatenate(
        [row.whole.service_start_unix_ns()[known.request], failed.service_start_unix_ns()]
    )
    order = np.argsort(starts, kind="stable")
    return Values(value=value[order], group=np.arange(len(value)), in_order_of_time=True)
