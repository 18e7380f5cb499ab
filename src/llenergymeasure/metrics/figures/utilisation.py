"""Figures of utilisation: the work of a window over what its cards could have done in the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.model.info import explained
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.performance.roofline.cards import Cards
from llenergymeasure.metrics.performance.roofline.step_times import StepTimes
from llenergymeasure.metrics.performance.work.window_work import PhaseWork
from llenergymeasure.metrics.statistics.estimates import ratio_estimate

Part = Literal["all", "prefill", "decode"]
Work = Literal["flops_model", "n_bytes"]
NO_STEPS = "the backend reports no steps, so when it did prefill and when it decoded is not known"
NO_CARD = "the model ran on no GPU, on unlike ones, or on one that the table of peaks lacks"
NO_PHASE = "the backend reports no steps, or they mix prefill and decoding"
SHEET: Mapping[Work, str] = {
    "flops_model": "the peak is the dense one of the maker's sheet, whatever power limit and clocks allow",
    "n_bytes": "the bandwidth is that of the maker's sheet, whatever power limit and clocks allow",
}


def utilisation(work: Work, part: Part) -> Callable[[Figure, FigureInputs], Estimate | Unknown]:
    """Return what computes the share of a peak that a phase reached, with the interval of the windows' spread."""

    def compute(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
        reason = why_unknown(inputs, work, part)
        if reason is not None:
            return Unknown(reason=reason)
        done = [work_in(inputs, row, work, part) or 0.0 for row in inputs.rows]
        possible = [_rate(inputs, work) * (time_in(inputs, row, part) or 0.0) for row in inputs.rows]
        estimate = ratio_estimate(done, possible, unit=figure.unit, method="derived")
        return Unknown(reason=figure.missing_because) if estimate is None else estimate

    return compute


def why_unknown(inputs: FigureInputs, work: Work, part: Part) -> str | None:
    """Return why the share of a peak is unknown; None where it is known."""
    if not inputs.rows:
        return "no window was completed"
    if isinstance(inputs.cards, str):
        return inputs.cards
    for row in inputs.rows:
        if work_in(inputs, row, work, part) is None:
            return inputs.work_of(row).unknown.get(work, "the work of the model is not known")
    return None if part == "all" else why_no_time(inputs, part)


def why_no_time(inputs: FigureInputs, part: Part) -> str | None:
    """Return why the time of a phase is unknown; None where it is known in every window."""
    times = [inputs.step_times(row) for row in inputs.rows]
    known = [each for each in times if each is not None]
    if len(known) < len(times):
        return explained(NO_STEPS, inputs.model_info, "steps")
    mixed, steps = sum(each.mixed for each in known), sum(each.steps for each in known)
    if mixed:
        return (
            f"prefill and decoding mix in {mixed:,} of {steps:,} steps, so their times cannot be told apart"
        )
    if not all(_stretch_s(each, part) > 0 for each in known):
        return f"a window has no step of {'decoding' if part == 'decode' else 'prefill'}"
    return None


def work_in(inputs: FigureInputs, row: WindowTotals, work: Work, part: Part) -> float | None:
    """Return FLOPs or bytes of a phase in one window."""
    all_work = inputs.work_of(row)
    phase: PhaseWork = {"all": all_work.total, "prefill": all_work.prefill, "decode": all_work.decode}[part]
    value: float | None = getattr(phase, work)
    return value


def time_in(inputs: FigureInputs, row: WindowTotals, part: Part) -> float | None:
    """Return the time of a phase in one window: that of its steps; of all work, the window's own."""
    if part == "all":
        return row.duration_s
    times = inputs.step_times(row)
    return None if times is None else _stretch_s(times, part)


def _stretch_s(times: StepTimes, part: Part) -> float:
    return (times.prefill if part == "prefill" else times.decode).duration_s


def _rate(inputs: FigureInputs, work: Work) -> float:
    cards = inputs.cards
    assert isinstance(cards, Cards)
    return cards.flops_per_s if work == "flops_model" else cards.bytes_per_s


def _figure(
    name: str, label: str, work: Work, part: Part, *, formula: str, differs: str | None = None
) -> Figure:
    return Figure(
        name=name,
        label=label,
        unit="of peak",
        better="higher",
        section="work",
        numerator=Quantity(
            text="FLOPs of the model" if work == "flops_model" else "bytes that have to move",
            of=lambda row, inputs: work_in(inputs, row, work, part),
        ),
        denominator=Quantity(
            text="what its cards could do in the same time",
            of=lambda row, inputs: (
                None
                if isinstance(inputs.cards, str)
                else _rate(inputs, work) * (time_in(inputs, row, part) or 0.0)
            ),
        ),
        formula=f"{formula}; {SHEET[work]}",
        source="[peaks of GPUs](gpu-peaks.md), each with its maker's sheet",
        differs=differs,
        missing_because=NO_CARD if part == "all" else f"{NO_CARD}; or {NO_PHASE}",
        compute=utilisation(work, part),
        in_summary=part == "all",
        needs_gpu=True,
    )


MFU = _figure(
    "mfu",
    "Model FLOPs utilisation",
    "flops_model",
    "all",
    formula="`total_flops` / (duration of the windows × dense peak of the products' precision × cards)",
    differs="sheets print the peak with 2:4 sparsity, twice the dense one; counters of executed FLOPs, such as "
    "torch's, count the masked half of attention too",
)
MFU_PREFILL = _figure(
    "mfu_prefill",
    "MFU of prefill",
    "flops_model",
    "prefill",
    formula="`prefill_flops_model` / (time of the steps that do prefill alone × peak × cards)",
)
MFU_DECODE = _figure(
    "mfu_decode",
    "MFU of decoding",
    "flops_model",
    "decode",
    formula="`decode_flops_model` / (time of the steps that decode alone × peak × cards)",
)
MBU = _figure(
    "mbu",
    "Memory bandwidth utilisation",
    "n_bytes",
    "all",
    formula="`moved_bytes` / (duration of the windows × memory bandwidth × cards)",
    differs="vLLM counts min(tokens × k, E) experts of a mixture; ours are the expected distinct ones",
)
MBU_PREFILL = _figure(
    "mbu_prefill",
    "MBU of prefill",
    "n_bytes",
    "prefill",
    formula="`prefill_moved_bytes` / (time of the steps that do prefill alone × memory bandwidth × cards)",
)
MBU_DECODE = _figure(
    "mbu_decode",
    "MBU of decoding",
    "n_bytes",
    "decode",
    formula="`decode_moved_bytes` / (time of the steps that decode alone × memory bandwidth × cards)",
)
UTILISATIONS: tuple[Figure, ...] = (MFU, MBU, MFU_PREFILL, MFU_DECODE, MBU_PREFILL, MBU_DECODE)
