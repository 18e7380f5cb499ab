"""FLOPs of a static batch: as torch counts them while `generate` runs, and as we compute them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llenergymeasure.backends.pytorch.facts.execution import read_execution
from llenergymeasure.backends.pytorch.facts.layers.read import read_shape
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.performance.work.window_work import Work, window_work


def counted_flops(model: Any, prompts: Sequence[int], outputs: int) -> int:
    """Return what `torch.utils.flop_counter` sees: prompts of these lengths, padded on the left, answered at once."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    width = max(prompts)
    inputs = {
        "input_ids": torch.randint(3, 100, (len(prompts), width)),
        "attention_mask": torch.tensor([[0] * (width - each) + [1] * each for each in prompts]),
    }
    settings = {"do_sample": False, "use_cache": True, "eos_token_id": None, "pad_token_id": 0}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.generate(**inputs, max_new_tokens=outputs, **settings)
    return int(counter.get_total_flops())


def batch(prompts: Sequence[int], outputs: Sequence[int], number: int = 0) -> RequestTable:
    """Return the requests of one static batch."""
    return RequestTable.from_records(
        RequestRecord(
            request_id=f"{number}-{index}",
            repeat=0,
            prompt_tokens=n_prompt,
            output_tokens=n_output,
            scheduled_unix_ns=1,
            sent_unix_ns=1 + number,
            closed_unix_ns=2 + number,
            batch=number,
        )
        for index, (n_prompt, n_output) in enumerate(zip(prompts, outputs, strict=True))
    )


def info_of(model: Any) -> ModelInfo:
    """Return the shape and the execution of a model, as the PyTorch backend reads them."""
    shape, reason = read_shape(model)
    return ModelInfo(
        name="tiny",
        architecture=type(model).__name__,
        n_parameters=None,
        n_matmul_parameters=None,
        dtype="float32",
        shape=shape,
        execution=read_execution(model, PyTorchConfig()),
        unknown={} if reason is None else {"shape": reason},
    )


def computed_work(model: Any, prompts: Sequence[int], outputs: int) -> Work:
    """Return our work of the same batch."""
    return window_work(info_of(model), batch(prompts, [outputs] * len(prompts)))
