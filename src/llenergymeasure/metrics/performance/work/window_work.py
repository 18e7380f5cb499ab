"""The work of a window's requests, prefill and decoding apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import Execution, ModelShape
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.performance.work.flops import Phases, executed_flops, model_flops
from llenergymeasure.metrics.performance.work.lengths import Batches, Lengths
from llenergymeasure.metrics.performance.work.traffic import bytes_moved

NO_SHAPE = "the backend does not state the shape of the model"
NO_EXECUTION = "the backend does not state what it executes"
NO_BATCHES = "the backend does not report which requests it computed together"


@dataclass(frozen=True, kw_only=True)
class PhaseWork:
    """Work of one phase; None where it is not known."""

    flops_model: float | None = None
    """FLOPs that the mathematics asks for: the causal half of attention, the output layer once per output token."""
    flops_executed: float | None = None
    """FLOPs of the matrix products that the implementation executes."""
    n_bytes: float | None = None
    """The least bytes that move between the device and its memory."""
    passes: int | None = None
    """Forward passes."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Work of requests; `unknown` says by name (`flops_model`, `flops_executed`, `n_bytes`) why one is None."""

    prefill: PhaseWork = PhaseWork()
    decode: PhaseWork = PhaseWork()
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> PhaseWork:
        """Both phases together."""
        return PhaseWork(
            flops_model=_sum(self.prefill.flops_model, self.decode.flops_model),
            flops_executed=_sum(self.prefill.flops_executed, self.decode.flops_executed),
            n_bytes=_sum(self.prefill.n_bytes, self.decode.n_bytes),
            passes=None if self.prefill.passes is None else self.prefill.passes + (self.decode.passes or 0),
        )


def window_work(info: ModelInfo | None, served: RequestTable) -> Work:
    """Return the work of the requests that were answered."""
    shape = None if info is None else info.shape
    if info is None or shape is None:
        reason = NO_SHAPE if info is None else info.unknown.get("shape", NO_SHAPE)
        return Work(unknown=dict.fromkeys(("flops_model", "flops_executed", "n_bytes"), reason))
    lengths = Lengths.of(served)
    batches = _batches(info.execution, served)
    unknown = {
        name: reason
        for name, reason in (
            ("flops_executed", _executed_unknown(info.execution, batches)),
            ("n_bytes", _bytes_unknown(shape, info.execution, batches)),
        )
        if reason is not None
    }
    asked = model_flops(shape, lengths)
    executed = moved = None
    if batches is not None and info.execution is not None and "flops_executed" not in unknown:
        executed = executed_flops(shape, info.execution, lengths, batches)
    if batches is not None and "n_bytes" not in unknown:
        moved = bytes_moved(shape, lengths, batches)
    steps = None if batches is None or moved is None else int(batches.most(lengths.decoded).sum())
    return Work(
        prefill=_phase("prefill", asked, executed, moved, None if moved is None else len(moved.prefill)),
        decode=_phase("decode", asked, executed, moved, steps),
        unknown=unknown,
    )


def _batches(execution: Execution | None, served: RequestTable) -> Batches | None:
    if execution is not None and not execution.pads:
        return None
    return Batches.of(served)


def _executed_unknown(execution: Execution | None, batches: Batches | None) -> str | None:
    if execution is None:
        return NO_EXECUTION
    if execution.unknown is not None or execution.attention is None:
        return execution.unknown or NO_EXECUTION
    return NO_BATCHES if batches is None else None


def _bytes_unknown(shape: ModelShape, execution: Execution | None, batches: Batches | None) -> str | None:
    if batches is None:
        return NO_BATCHES
    if execution is not None and execution.passes_unknown is not None:
        return execution.passes_unknown
    if shape.kv_element_bytes is None:
        return "a quantised KV cache keeps its latest tokens in full precision, which is not counted"
    return None


def _phase(
    name: str, asked: Phases, executed: Phases | None, moved: Phases | None, passes: int | None
) -> PhaseWork:
    return PhaseWork(
        flops_model=math.fsum(getattr(asked, name)),
        flops_executed=None if executed is None else math.fsum(getattr(executed, name)),
        n_bytes=None if moved is None else math.fsum(getattr(moved, name)),
        passes=passes,
    )


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
