"""The summary of a result: its figures, how the run went, its warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from llenergymeasure.domain.experiment import DeviceEnergy, ExperimentResult
from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.figure import Section
from llenergymeasure.report.summary.conditions import conditions_rows
from llenergymeasure.report.summary.document import Block, Document, Notes, Paragraph, Row, Rows, Tone
from llenergymeasure.report.summary.figure_rows import figure_row, stated_figures
from llenergymeasure.report.summary.footnotes import with_footnotes
from llenergymeasure.report.summary.format import bytes_text, duration_text, plural, quantity
from llenergymeasure.report.summary.load_rows import load_rows
from llenergymeasure.report.summary.warnings import warning_note
from llenergymeasure.report.summary.what_ran import arithmetic, has_random_weights, what_ran_rows

VERDICTS = {
    "valid": "valid",
    "valid_with_warnings": "valid with warnings",
    "invalid": "invalid",
}
VERDICT_TONES: dict[str, Tone] = {"valid": "good", "valid_with_warnings": "warning", "invalid": "bad"}
WARMUPS = {
    "steady": "steady",
    "cap": "not steady within max_duration_s",
    "fixed": "fixed length",
}
STOPS = {
    "target_reached": "the interval is as narrow as asked",
    "max_reached": "the most repeats allowed",
}


def result_document(result: ExperimentResult, bundle: Path) -> Document:
    """Return the summary of a result, its warnings and where its bundle lies."""
    blocks: tuple[Block, ...] = (*row_blocks(result), *warning_blocks(result), _where(bundle))
    return Document(title=title(result), blocks=blocks)


def figures_document(result: ExperimentResult, bundle: Path) -> Document:
    """Return the summary of a result without its warnings, which then stand elsewhere."""
    return Document(title=title(result), blocks=(*row_blocks(result), _where(bundle)))


def warning_blocks(result: ExperimentResult) -> tuple[Notes, ...]:
    """Return the warnings of a result, if it has any."""
    notes = tuple(warning_note(warning) for warning in result.warnings)
    return (Notes(notes=notes),) if notes else ()


def _where(bundle: Path) -> Paragraph:
    return Paragraph(text=f"Bundle: {bundle}", copied=True)


def title(result: ExperimentResult) -> str:
    """Return what was measured, in one line."""
    parts = [result.model, result.backend, _device(result)]
    precision = arithmetic(result)
    if precision is not None:
        parts.append(precision)
    if has_random_weights(result):
        parts.append("random weights")
    return " · ".join(parts)


def row_blocks(result: ExperimentResult) -> tuple[Block, ...]:
    """Return the rows of a result: what ran, the figures of the table by section, how the run went, and footnotes."""
    groups = (
        tuple(what_ran_rows(result)),
        tuple(_energy(result)),
        tuple(_figures(result, "power")),
        (*_figures(result, "speed"), *_figures(result, "load"), *load_rows(result)),
        (*_figures(result, "work"), *_run(result)),
        tuple(_further(result)),
    )
    return with_footnotes([Rows(rows=rows) for rows in groups if rows])


def _energy(result: ExperimentResult) -> Iterator[Row]:
    """Yield the energies, the devices below their total."""
    for figure in stated_figures(result, "energy"):
        yield figure_row(result, figure.name, figure.label)
        if figure.name == "total_energy_j":
            yield from map(_device_row, result.energy.by_device)
            yield from _phase_rows(result)


def _figures(result: ExperimentResult, section: Section) -> Iterator[Row]:
    return (figure_row(result, figure.name, figure.label) for figure in stated_figures(result, section))


def _further(result: ExperimentResult) -> Iterator[Row]:
    """Yield the figures that this version does not know, as a newer one may write them, by name.

    Why there is no energy by request stands with the requests.
    """
    for name in table.in_table_order({**result.estimates, **result.unknown}):
        if table.find_figure(name) is None and name != "attribution":
            yield figure_row(result, name, name)


def _run(result: ExperimentResult) -> Iterator[Row]:
    yield from _peak_memory(result)
    yield from _warmup(result)
    yield Row(label="Windows", value=_windows(result))
    for device in result.conditions:
        yield from conditions_rows(device)
    yield verdict_row(result)


def verdict_row(result: ExperimentResult) -> Row:
    """Return the row that says whether the result can be used."""
    return Row(label="Verdict", value=_verdict(result), tone=VERDICT_TONES[result.verdict])


def _device_row(device: DeviceEnergy) -> Row:
    label = f"  {device.label}" if device.included_in_total else f"  {device.label} (not added)"
    if device.energy_j is None:
        reason = device.reason or "its sensor gave no reading"
        return Row(label=label, value=f"unknown: {reason}", tone="unknown")
    method = device.method if device.method == "estimated" else f"{device.method}, {device.meter}"
    return Row(label=label, value=quantity(device.energy_j, "J"), method=method, tone="detail")


def _phase_rows(result: ExperimentResult) -> Iterator[Row]:
    """Yield the energies of prefill and decode where they could be told apart."""
    for name, label in (("prefill_energy_j", "  Prefill"), ("decode_energy_j", "  Decode")):
        if name in result.estimates:
            yield replace(figure_row(result, name, label), tone="detail")


def _peak_memory(result: ExperimentResult) -> Iterator[Row]:
    if not result.peak_memory_bytes:
        yield Row(label="Peak memory", value="unknown: the backend reports none", tone="unknown")
    for device, size in result.peak_memory_bytes.items():
        yield Row(label=f"Peak memory, {device}", value=bytes_text(size))


def _warmup(result: ExperimentResult) -> Iterator[Row]:
    if result.warmup is not None:
        length = f"{plural(result.warmup.requests, 'request')}, {duration_text(result.warmup.duration_s)}"
        yield Row(label="Warm-up", value=f"{length} ({WARMUPS[result.warmup.ended_because]})")


def _windows(result: ExperimentResult) -> str:
    durations = [repeat.duration_s for repeat in result.repeats]
    if not durations:
        return "none"
    shortest, longest = duration_text(min(durations)), duration_text(max(durations))
    length = shortest if shortest == longest else f"{shortest} to {longest}"
    stopped = STOPS.get(result.stopped_because or "")
    return f"{len(durations)} × {length}" + (f" ({stopped})" if stopped else "")


def _verdict(result: ExperimentResult) -> str:
    count = sum(warning.severity != "info" for warning in result.warnings)
    return VERDICTS[result.verdict] + (f" ({plural(count, 'warning')})" if count else "")


def _device(result: ExperimentResult) -> str:
    """Return the device with its name, as far as the machine told it."""
    if result.environment is None:
        return result.device
    if result.device == "cpu":
        name = result.environment.cpu.model
    else:
        visible = [gpu.name for gpu in result.environment.gpus if gpu.visible]
        name = ", ".join(dict.fromkeys(visible))
    return f"{result.device} ({name})" if name else result.device
