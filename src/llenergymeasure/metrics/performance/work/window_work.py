"""The work of a window's requests, prefill and decoding apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import Execution, ModelShape
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.metrics.performance.work.flops import Phases, executed_flops, model_flops
from llenergymeasure.metrics.performance.work.lengths import Batches, Lengths
from llenergymeasure.metrics.performance.work.traffic import request_bytes
from llenergymeasure.metrics.performance.work.weights import weights_of_batches, weights_of_steps

NO_SHAPE = "the backend does not state the shape of the model"
NO_EXECUTION = "the backend does not state what it executes"
NO_BATCHES = "the backend does not report which requests it computed together"
NO_PASSES = "the backend reports neither its steps nor which requests it computed together"
NO_SIZE = "a quantised KV cache keeps its latest tokens in full precision, which is not counted"


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
    """Forward passes; a pass that mixes both phases counts to prefill."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Work of requests; `unknown` says by name (`flops_model`, `flops_executed`, `n_bytes`) why one is None."""

    prefill: PhaseWork = PhaseWork()
    decode: PhaseWork = PhaseWork()
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> PhaseWork:
        """Both phases together."""
        passes = (self.prefill.passes, self.decode.passes)
        return PhaseWork(
            flops_model=_sum(self.prefill.flops_model, self.decode.flops_model),
            flops_executed=_sum(self.prefill.flops_executed, self.decode.flops_executed),
            n_bytes=_sum(self.prefill.n_bytes, self.decode.n_bytes),
            passes=None if None in passes else sum(each or 0 for each in passes),
        )


def window_work(info: ModelInfo | None, served: RequestTable, steps: StepTable | None = None) -> Work:
    """Return the work of the requests that were answered; `steps` are those of the same window."""
    shape = None if info is None else info.shape
    if info is None or shape is None:
        reason = NO_SHAPE if info is None else info.unknown.get("shape", NO_SHAPE)
        return Work(unknown=dict.fromkeys(("flops_model", "flops_executed", "n_bytes"), reason))
    lengths, batches = Lengths.of(served), Batches.of(served)
    executed = _executed(shape, info.execution, lengths, batches)
    moved = _moved(shape, info.execution, lengths, batches if batches is not None else steps)
    passes = (None, None) if isinstance(moved, str) else _passes(lengths, batches, steps)
    asked = model_flops(shape, lengths)
    by_name = {"flops_executed": executed, "n_bytes": moved}
    return Work(
        prefill=_phase("prefill", asked, executed, moved, passes[0]),
        decode=_phase("decode", asked, executed, moved, passes[1]),
        unknown={name: each for name, each in by_name.items() if isinstance(each, str)},
    )


def _executed(
    shape: ModelShape, execution: Execution | None, lengths: Lengths, batches: Batches | None
) -> Phases | str:
    """Return the executed FLOPs of each batch, or why they are not known."""
    if execution is None:
        return NO_EXECUTION
    if execution.unknown is not None or execution.attention is None:
        return execution.unknown or NO_EXECUTION
    if not execution.pads:
        batches = Batches.single(len(lengths.prompt))
    return NO_BATCHES if batches is None else executed_flops(shape, execution, lengths, batches)


def _moved(
    shape: ModelShape, execution: Execution | None, lengths: Lengths, passes: Batches | StepTable | None
) -> Phases | str:
    """Return the bytes of each request and of each batch or step, or why they are not known."""
    if execution is not None and execution.passes_unknown is not None:
        return execution.passes_unknown
    if shape.kv_element_bytes is None:
        return NO_SIZE
    if passes is None:
        return NO_PASSES
    weights = (
        weights_of_batches(shape, lengths, passes)
        if isinstance(passes, Batches)
        else weights_of_steps(shape, passes)
    )
    beside = request_bytes(shape, lengths)
    return Phases(
        prefill=np.concatenate([weights.prefill, beside.prefill]),
        decode=np.concatenate([weights.decode, beside.decode]),
    )


def _passes(
    lengths: Lengths, batches: Batches | None, steps: StepTable | None
) -> tuple[int | None, int | None]:
    if batches is not None:
        return batches.count, int(batches.most(lengths.decoded).sum())
    if steps is None:
        return None, None
    reads_prompts = int((steps.prefill_tokens > 0).sum())
    return reads_prompts, len(steps) - reads_prompts


def _phase(
    name: str, asked: Phases, executed: Phases | str, moved: Phases | str, passes: int | None
) -> PhaseWork:
    return PhaseWork(
        flops_model=math.fsum(getattr(asked, name)),
        flops_executed=None if isinstance(executed, str) else math.fsum(getattr(executed, name)),
        n_bytes=None if isinstance(moved, str) else math.fsum(getattr(moved, name)),
        passes=passes,
    )


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
