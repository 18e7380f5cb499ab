"""The latency of a result: mean, percentiles and maximum of each metric, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.report.summary.document import Block, Grid, Note, Notes, Paragraph
from llenergymeasure.report.summary.format import common_unit, number, plural
from llenergymeasure.report.summary.views.histogram import histogram
from llenergymeasure.results.opening import Bundle

STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
HEAD = ("", "n", *STATISTICS)
UNKNOWN = "-"
SHORT_LABELS = {
    "ttft_s": "TTFT",
    "ttft_sent_s": "TTFT from sending",
    "ttfo_s": "TTFO",
    "tpot_s": "TPOT",
    "e2e_s": "Whole request",
    "decode_tokens_per_s_per_request": "Decode speed",
    "e2e_tokens_per_s_per_request": "Speed",
}
"""Of metrics whose own label leaves no room for the numbers in 80 columns."""


def latency_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield the metrics as a table, the distribution of the time to first token, and what is unknown.

    Raises:
        ExperimentError: a file of the bundle cannot be read.
    """
    result = bundle.result
    if not result.latency:
        yield Paragraph(text="This result states no latency.", tone="unknown")
        return
    if any(each.n for each in result.latency.values()):
        yield Grid(head=HEAD, lines=tuple(_lines(result.latency)))
    chart = _ttft_chart(bundle)
    if chart is not None:
        yield chart
    if result.failed_requests:
        failed = plural(result.failed_requests, "request")
        yield Paragraph(text=f"With failed requests ({failed}) as infinitely late:")
        yield Grid(head=HEAD, lines=tuple(_lines(result.latency_with_failures)))
    yield Notes(notes=tuple(_notes(result.latency, len(result.repeats))))


def _lines(latency: Mapping[str, Distribution]) -> Iterator[tuple[str, ...]]:
    """Yield three lines for each metric: its statistics, and the two ends of their intervals."""
    for name, each in latency.items():
        found = [each.statistics.get(one) for one in STATISTICS]
        factor, unit = common_unit([one.value for one in found if one is not None], each.unit)
        label = SHORT_LABELS.get(name, each.label)
        values, lows, highs = ([_end(one, end, factor) for one in found] for end in ("value", "low", "high"))
        yield (label if unit == "tokens" else f"{label}, {unit}", f"{each.n:,}", *values)
        if any(lows):
            yield ("  95 % interval from", "", *lows)
            yield ("                  to", "", *highs)


def _end(estimate: Estimate | None, end: str, factor: float) -> str:
    if estimate is None:
        return UNKNOWN if end == "value" else ""
    value: float | None = getattr(estimate, end)
    return "" if value is None else number(value / factor)


def _ttft_chart(bundle: Bundle) -> Block | None:
    import numpy as np

    from llenergymeasure.metrics.performance.latency import ttft_s

    requests = bundle.requests
    inside = np.zeros(len(requests), dtype=bool)
    of = bundle.result.traffic.headline_rung
    for window in bundle.result.repeats:
        if of is None or window.rung == of:
            inside |= requests.lies_within(window.start_unix_ns, window.end_unix_ns)
    values = ttft_s(requests.select(inside & requests.is_ok()))
    known = values[np.isfinite(values)]
    return histogram(known, "s", f"Time to first token of {plural(len(known), 'request')}")


def _notes(latency: Mapping[str, Distribution], windows: int) -> Iterator[Note]:
    """Yield what a percentile is, how many requests were left out, and once each why statistics are unknown."""
    if windows > 1 and any(each.n for each in latency.values()):
        yield Note(
            text=f"Means and percentiles are the mean over the {windows} windows of each window's own, "
            "weighted by its requests."
        )
    cut_off = max((each.cut_off for each in latency.values()), default=0)
    if cut_off:
        yield Note(text=f"{plural(cut_off, 'request')} under way at an edge of a window: left out.")
    labels: dict[str, list[str]] = {}
    for metric, each in latency.items():
        for reason, statistics in _reasons(each).items():
            alone = len(statistics) == len(STATISTICS) or reason.startswith(tuple(statistics))
            text = reason if alone else f"{', '.join(statistics)}: {reason}"
            labels.setdefault(text, []).append(SHORT_LABELS.get(metric, each.label))
    for reason, names in labels.items():
        of = "" if len(names) == len(latency) else f" ({', '.join(names)})"
        yield Note(text=f"{reason}{of}.")


def _reasons(distribution: Distribution) -> dict[str, list[str]]:
    """Return why statistics of a metric are unknown or have no interval, each with the names of those."""
    found: dict[str, list[str]] = {}
    for name in STATISTICS:
        stated = distribution.statistics.get(name)
        reason = distribution.unknown.get(name) if stated is None else stated.reason
        if reason is not None:
            found.setdefault(reason, []).append(name)
    return found
