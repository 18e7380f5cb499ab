"""The summary of a result as rows: what is shown, whoever draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llenergymeasure.domain.experiment import DeviceEnergy, ExperimentResult
from llenergymeasure.report.summary.baselines import baseline_rows
from llenergymeasure.report.summary.conditions import conditions_rows
from llenergymeasure.report.summary.format import bytes_text, duration_text, estimate_text, plural, quantity
from llenergymeasure.report.summary.row import Row
from llenergymeasure.report.summary.unknown import why_unknown


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together."""

    rows: tuple[Row, ...]


ENERGY_RATIOS = (
    ("energy_per_output_token_j", "per output token"),
    ("energy_per_input_token_j", "per input token"),
    ("energy_per_token_j", "per token"),
    ("energy_per_request_j", "per request"),
)
VERDICTS = {
    "valid": "valid",
    "valid_with_warnings": "valid with warnings",
    "invalid": "invalid",
}
WARMUPS = {
    "steady": "until steady",
    "cap": "not steady when its time was up",
    "fixed": "fixed length",
}
STOPS = {
    "target_reached": "the interval is as narrow as asked",
    "max_reached": "the most repeats allowed",
}


def title(result: ExperimentResult) -> str:
    """Return what was measured, in one line."""
    parts = [result.model, result.backend, _device(result)]
    if "precision" in result.config:
        parts.append(str(result.config["precision"]))
    return " · ".join(parts)


def summary(result: ExperimentResult) -> tuple[Section, ...]:
    """Return the rows of a result, in sections."""
    return (
        Section(rows=tuple(_energy(result))),
        Section(rows=tuple(_power(result))),
        Section(rows=tuple(_speed(result))),
        Section(rows=tuple(_run(result))),
    )


def _energy(result: ExperimentResult) -> Iterator[Row]:
    yield _figure(result, "total_energy_j", "Energy")
    for device in result.energy.by_device:
        yield _device_row(device)
    for name, label in ENERGY_RATIOS:
        yield _figure(result, name, f"Energy {label}")


def _power(result: ExperimentResult) -> Iterator[Row]:
    yield _figure(result, "mean_power_w", "Mean power")
    yield from baseline_rows(result)
    yield _figure(result, "net_energy_j", "Net energy (less idle)")
    yield _figure(result, "marginal_energy_j", "Marginal (less loaded idle)")
    load_j = result.energy.load_energy_j
    if load_j is None:
        yield _unknown(result, "load_energy_j", "Energy of loading")
    else:
        yield Row(label="Energy of loading", value=quantity(load_j, "J"), method=result.energy.method)


def _speed(result: ExperimentResult) -> Iterator[Row]:
    yield _figure(result, "output_tokens_per_s", "Output tokens per second")
    yield _figure(result, "ttft_s", "Time to first token")
    yield _figure(result, "tpot_s", "Time per output token")


def _run(result: ExperimentResult) -> Iterator[Row]:
    tokens = f"{result.input_tokens:,} in, {result.output_tokens:,} out"
    yield Row(label="Requests", value=f"{result.total_requests:,}")
    yield Row(label="Tokens", value=tokens)
    yield _flops(result)
    yield from _peak_memory(result)
    yield from _warmup(result)
    yield Row(label="Windows", value=_windows(result))
    for device in result.conditions:
        yield from conditions_rows(device)
    yield Row(label="Verdict", value=_verdict(result), tone=result.verdict)


def _figure(result: ExperimentResult, name: str, label: str) -> Row:
    estimate = result.estimates.get(name)
    if estimate is None:
        return _unknown(result, name, label)
    text = estimate_text(estimate)
    if estimate.half_width is None:
        text += f" (no interval: {estimate.reason or 'its spread is not known'})"
    elif estimate.reason is not None:
        text += f" ({estimate.reason})"
    return Row(label=label, value=text, method=None if estimate.method == "derived" else estimate.method)


def _unknown(result: ExperimentResult, name: str, label: str) -> Row:
    return Row(label=label, value=f"unknown: {why_unknown(result, name)}", tone="unknown")


def _device_row(device: DeviceEnergy) -> Row:
    label = f"  {device.label}" if device.included_in_total else f"  {device.label} (not added)"
    if device.energy_j is None:
        reason = device.reason or "its sensor gave no reading"
        return Row(label=label, value=f"unknown: {reason}", tone="unknown")
    method = device.method if device.method == "estimated" else f"{device.method}, {device.meter}"
    return Row(label=label, value=quantity(device.energy_j, "J"), method=method, tone="detail")


def _flops(result: ExperimentResult) -> Row:
    if result.total_flops is None:
        return _unknown(result, "total_flops", "FLOPs (reference)")
    return Row(label="FLOPs (reference)", value=quantity(result.total_flops, "FLOP"))


def _peak_memory(result: ExperimentResult) -> Iterator[Row]:
    if not result.peak_memory_bytes:
        yield _unknown(result, "peak_memory_bytes", "Peak memory")
    for device, size in result.peak_memory_bytes.items():
        yield Row(label=f"Peak memory, {device}", value=bytes_text(size))


def _warmup(result: ExperimentResult) -> Iterator[Row]:
    if result.warmup is not None:
        length = (
            f"{plural(result.warmup.batches, 'batch', 'batches')}, {duration_text(result.warmup.duration_s)}"
        )
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
