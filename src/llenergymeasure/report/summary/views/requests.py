"""The requests of a result: what each cost, and which cost most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.breakdowns.attribution import AttributionSummary, AttributionTable
from llenergymeasure.domain.estimate import Method
from llenergymeasure.report.summary.document import Bar, Bars, Block, Grid, Paragraph, Row, Rows
from llenergymeasure.report.summary.format import common_unit, number, plural, quantity
from llenergymeasure.report.summary.views.histogram import histogram
from llenergymeasure.results.opening import Bundle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_SHOWN = 10
"""The requests that cost most; all are in `attribution.parquet`."""
HEAD = ("request", "window", "prompt", "output", "prefill", "decode", "energy", "status")


def request_blocks(bundle: Bundle) -> Iterator[Block]:
    """Yield where the energy of the windows went, how it spreads over requests, and the requests that cost most.

    Raises:
        ExperimentError: a file of the bundle cannot be read.
    """
    summary, table = bundle.result.attribution, bundle.attribution
    if summary is None or table is None:
        reason = bundle.result.unknown.get(
            "attribution", "the release that wrote this result shared out none"
        )
        yield Paragraph(text=f"The energy of single requests is unknown: {reason}.", tone="unknown")
        return
    yield _shares(summary, bundle.result.energy.method)
    yield Rows(heading="Energy of a request", rows=tuple(_spreads(summary)))
    yield Rows(heading="How well the cost of steps holds", rows=tuple(_trust(summary)))
    split = bundle.result.phase_split
    if split is not None and split.reason is not None:
        shares = "Prefill and decode of a request are shares by the fitted cost of steps alone"
        yield Paragraph(text=f"{shares}, since the sensor does not show them apart: {split.reason}.")
    requests = table.of_kind("request")
    chart = histogram(requests.energy_j, "J", f"Energy of {plural(len(requests), 'request')}")
    if chart is not None:
        yield chart
    yield Paragraph(text=f"The requests that cost most, of {len(requests):,}:")
    yield Grid(head=HEAD, lines=tuple(_lines(requests, _costliest(requests))))


def request_rows(bundle: Bundle) -> list[dict[str, Any]]:
    """Return every row of the attribution as data; empty where there is none."""
    from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS
    from llenergymeasure.domain.request_table import UNKNOWN

    table = bundle.attribution
    if table is None:
        return []
    columns = {name: getattr(table, name).tolist() for name, _ in ATTRIBUTION_COLUMNS}
    return [
        {
            name: None if value != value or (isinstance(value, int) and value == UNKNOWN) else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in zip(*columns.values(), strict=True)
    ]


def _shares(summary: AttributionSummary, method: Method | None) -> Bars:
    parts = {
        "Requests": summary.requests_energy_j,
        "Overhead": summary.overhead_energy_j,
        "Idle": summary.idle_energy_j,
    }
    whole = sum(parts.values())
    return Bars(
        heading="Energy of the windows" + (", estimated" if method == "estimated" else ""),
        bars=tuple(
            Bar(
                label=name,
                share=part / whole if whole else 0.0,
                value=f"{quantity(part, 'J')} ({part / whole:.1%})" if whole else quantity(part, "J"),
            )
            for name, part in parts.items()
        ),
    )


def _spreads(summary: AttributionSummary) -> Iterator[Row]:
    for label, spread in (("Prefill", summary.prefill), ("Decode", summary.decode), ("Whole", summary.total)):
        if spread is not None:
            energies = (spread.mean_j, spread.p50_j, spread.p95_j, spread.max_j)
            factor, unit = common_unit(energies, "J")
            mean, median, high, most = (number(each / factor) for each in energies)
            yield Row(label=label, value=f"mean {mean}, p50 {median}, p95 {high}, max {most} {unit}")


def _trust(summary: AttributionSummary) -> Iterator[Row]:
    """Yield how well the model of step costs fits, and how far the shares are from those of Shapley."""
    yield _row("R² of the step costs", summary.r2, "{:.4f}")
    yield _row(
        "Error on repeats left out", summary.out_of_sample_error, "{:.2%}", summary.out_of_sample_reason
    )
    error = summary.shapley_sampling_error or 0.0
    yield _row("Distance to Shapley values", summary.shapley_distance, f"{{:.2%}}, sampled to {error:.2%}")


def _row(label: str, value: float | None, form: str, reason: str | None = None) -> Row:
    if value is None:
        return Row(label=label, value=f"unknown: {reason or 'the fit does not determine it'}", tone="unknown")
    return Row(label=label, value=form.format(value))


def _costliest(requests: AttributionTable) -> NDArray[np.intp]:
    import numpy as np

    return np.argsort(-requests.energy_j, kind="stable")[:MOST_SHOWN]


def _lines(requests: AttributionTable, rows: NDArray[np.intp]) -> Iterator[tuple[str, ...]]:
    for row in rows.tolist():
        energies = (requests.prefill_energy_j, requests.decode_energy_j, requests.energy_j)
        yield (
            str(requests.request_id[row]),
            str(requests.repeat[row] + 1),
            f"{requests.prompt_tokens[row]:,}",
            f"{requests.output_tokens[row]:,}",
            *(quantity(float(each[row]), "J") for each in energies),
            str(requests.status[row]),
        )
