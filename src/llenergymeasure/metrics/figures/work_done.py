"""The rows of FLOPs, bytes, energy per FLOP and arithmetic intensity."""

from __future__ import annotations

from llenergymeasure.metrics.figures.energies import NO_ENERGY
from llenergymeasure.metrics.figures.figure import Figure
from llenergymeasure.metrics.figures.operations import (
    NO_BYTES,
    NO_EXECUTED,
    NO_MODEL,
    Part,
    amount,
    energy_per_work,
    in_both,
    in_decoding,
    in_prefill,
    ratio,
    total,
)
from llenergymeasure.metrics.figures.quantities import ENERGY

_MODEL_FORMULA = (
    "2 × matrix parameters per token through the model (of experts, those that a token is sent to), + 2 × heads × "
    "(key dimension + value dimension) per layer and token looked back at, itself included, + 2 × the output layer "
    "per output token"
)
_EXECUTED_FORMULA = (
    "what `total_flops` counts, of all that the implementation multiplies: with padding, rows whose answer has ended, "
    "the rectangle of attention where nothing skips its masked part, and the output layer at every position where it "
    "is not left out"
)
_BYTES_FORMULA = (
    "per forward pass the weights as they are in memory, of E experts with k per token for T tokens the expected "
    "distinct ones, E (1 − (1 − k/E)^T), + the KV cache written and read, + rows of embedding tables; without "
    "activations and padding"
)
WORK_PAGE = "[work](../explanation/work.md)"
_MODEL_SOURCE = (
    "matrices: [arXiv:2001.08361](https://arxiv.org/abs/2001.08361), section 2.1; attention: "
    "[arXiv:2204.02311](https://arxiv.org/abs/2204.02311), appendix B; "
    f"{WORK_PAGE}"
)
_MODEL_DIFFERS = (
    "vLLM and SGLang count the full rectangle of a prompt's attention; many formulas (2 × parameters × tokens) count "
    "no attention, and the output layer at every position"
)
_EXECUTED_DIFFERS = (
    "`torch.utils.flop_counter` counts the same with eager attention, and 0 for fused attention on a CPU"
)
_BYTES_DIFFERS = "vLLM takes min(T × k, E) experts, which is more than is expected"


def _flops_model(name: str, label: str, part: Part, of: str) -> Figure:
    return Figure(
        name=name,
        label=label,
        unit="FLOP",
        better=None,
        section="work",
        numerator=amount("flops_model", "model FLOPs", part),
        formula=f"{_MODEL_FORMULA}{of}",
        source=_MODEL_SOURCE,
        differs=_MODEL_DIFFERS,
        missing_because=NO_MODEL,
        compute=total("flops_model"),
        in_summary=name == "total_flops",
    )


def _flops_executed(name: str, label: str, part: Part, of: str) -> Figure:
    return Figure(
        name=name,
        label=label,
        unit="FLOP",
        better="lower",
        section="work",
        numerator=amount("flops_executed", "executed FLOPs", part),
        formula=f"{_EXECUTED_FORMULA}{of}",
        source=WORK_PAGE,
        differs=_EXECUTED_DIFFERS,
        missing_because=NO_EXECUTED,
        compute=total("flops_executed", "flops_model"),
        in_summary=False,
    )


def _bytes(name: str, label: str, part: Part, of: str) -> Figure:
    return Figure(
        name=name,
        label=label,
        unit="B",
        better="lower",
        section="work",
        numerator=amount("n_bytes", "bytes moved", part),
        formula=f"{_BYTES_FORMULA}{of}",
        source=WORK_PAGE,
        differs=_BYTES_DIFFERS,
        missing_because=NO_BYTES,
        compute=total("n_bytes"),
        in_summary=False,
    )


def _intensity(name: str, label: str, part: Part, of: str) -> Figure:
    return Figure(
        name=name,
        label=label,
        unit="FLOP/B",
        better=None,
        section="work",
        numerator=amount("flops_model", "model FLOPs", part),
        denominator=amount("n_bytes", "bytes moved", part),
        formula=f"model FLOPs / bytes moved{of}",
        source=WORK_PAGE,
        missing_because=NO_BYTES,
        compute=ratio("n_bytes"),
        in_summary=False,
    )


_PREFILL = ", of the passes over prompts"
_DECODE = ", of the passes after those over prompts"

TOTAL_FLOPS = _flops_model("total_flops", "FLOPs (model)", in_both, "")
PREFILL_FLOPS = _flops_model("prefill_flops_model", "Prefill FLOPs (model)", in_prefill, _PREFILL)
DECODE_FLOPS = _flops_model("decode_flops_model", "Decode FLOPs (model)", in_decoding, _DECODE)
EXECUTED_FLOPS = _flops_executed("flops_executed", "FLOPs (executed)", in_both, "")
PREFILL_EXECUTED_FLOPS = _flops_executed(
    "prefill_flops_executed", "Prefill FLOPs (executed)", in_prefill, _PREFILL
)
DECODE_EXECUTED_FLOPS = _flops_executed(
    "decode_flops_executed", "Decode FLOPs (executed)", in_decoding, _DECODE
)
MOVED_BYTES = _bytes("moved_bytes", "Bytes moved", in_both, "")
PREFILL_MOVED_BYTES = _bytes("prefill_moved_bytes", "Prefill bytes moved", in_prefill, _PREFILL)
DECODE_MOVED_BYTES = _bytes("decode_moved_bytes", "Decode bytes moved", in_decoding, _DECODE)
INTENSITY = _intensity("arithmetic_intensity", "FLOPs per byte", in_both, "")
PREFILL_INTENSITY = _intensity("prefill_arithmetic_intensity", "Prefill FLOPs per byte", in_prefill, _PREFILL)
DECODE_INTENSITY = _intensity("decode_arithmetic_intensity", "Decode FLOPs per byte", in_decoding, _DECODE)
ENERGY_PER_GFLOP = Figure(
    name="energy_per_gflop_j",
    label="Energy per GFLOP",
    unit="J/GFLOP",
    better="lower",
    section="energy",
    numerator=ENERGY,
    denominator=amount("flops_model", "model GFLOPs", in_both, unit=1e9),
    formula="energy / model FLOPs × 10⁹",
    missing_because=f"{NO_ENERGY}; or {NO_MODEL}",
    compute=energy_per_work,
    in_summary=False,
)

WORK_DONE = (
    TOTAL_FLOPS,
    PREFILL_FLOPS,
    DECODE_FLOPS,
    EXECUTED_FLOPS,
    PREFILL_EXECUTED_FLOPS,
    DECODE_EXECUTED_FLOPS,
    MOVED_BYTES,
    PREFILL_MOVED_BYTES,
    DECODE_MOVED_BYTES,
    INTENSITY,
    PREFILL_INTENSITY,
    DECODE_INTENSITY,
    ENERGY_PER_GFLOP,
)
"""All rows of this file, in the order of the table."""
