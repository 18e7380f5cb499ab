"""Compilation, which is done before the first window: torch.compile compiles when it first meets a shape."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from llenergymeasure.backends.pytorch.generation import StaticBatch
from llenergymeasure.backends.pytorch.options import PyTorchConfig

MOST_ROUNDS = 3
"""Over all shapes: a second shape may make the compiler replace what it made for the first by a more general form."""


def compiles(options: PyTorchConfig) -> bool:
    """Whether anything is compiled: by request, or by `generate` itself, which compiles where a cache is static."""
    return options.torch_compile or options.cache_implementation is not None


def compile_ahead(batches: Iterable[StaticBatch], serve: Callable[[StaticBatch], object]) -> None:
    """Serve one batch of each shape, again until nothing more is compiled."""
    by_shape = {tuple(batch.inputs["input_ids"].shape): batch for batch in batches}
    for _ in range(MOST_ROUNDS):
        before_s = compile_seconds()
        for batch in by_shape.values():
            serve(batch)
        if compile_seconds() == before_s:
            return


def compile_seconds() -> float | None:
    """Return how long this process has compiled until now; None where this release of torch does not tell.

    Source: the `total_wall_time` of `torch._dynamo.utils.calculate_time_spent`.
    """
    if "torch._dynamo" not in sys.modules:
        return 0.0  # nothing was compiled yet, and the import takes seconds
    from torch._dynamo import utils

    try:
        return float(utils.calculate_time_spent().get("total_wall_time", 0.0))
    except AttributeError:
        return None
