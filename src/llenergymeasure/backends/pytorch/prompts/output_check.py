"""Whether the model's outputs mean anything: finite logits, and the same ones with padding as without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llenergymeasure.backends.pytorch.error_messages import explain_generating
from llenergymeasure.backends.pytorch.generation import StaticBatch
from llenergymeasure.exceptions import BackendError

MOST_DIFFERENCE = 0.3
"""Of logits with padding from those without, in standard deviations: a judgement. Rounding in bf16 makes about 0.02,
padding that enters the state of a recurrent model about 1."""
MOST_BATCHES = 8
"""That are looked at: each costs the reading of its prompts once."""


def check_outputs(model: Any, batches: Sequence[StaticBatch], settings: Any) -> None:
    """Compute one token for some batches, and for the shortest prompt of one alone; outside every window.

    The batch with the longest prompt is among them, and others of as different lengths as there are.

    Raises:
        BackendError: the logits are no numbers, or padding changes them; with what to set.
    """
    mixed = max(batches, key=lambda each: (len(set(each.prompt_tokens)) > 1, max(each.prompt_tokens)))
    for batch in _of_all_lengths(batches, mixed):
        with explain_generating("the model, tried on some of the prompts,"), _not_compiled(model):
            together = _first_logits(model, batch.inputs, settings)
            _require_finite(model, together)
            if batch is mixed and len(set(batch.prompt_tokens)) > 1:
                _require_same_alone(model, batch, settings, together)


def _of_all_lengths(batches: Sequence[StaticBatch], first: StaticBatch) -> list[StaticBatch]:
    """Return a few batches, the first as given, the others evenly from the longest to the shortest."""
    by_length = sorted(batches, key=lambda each: -max(each.prompt_tokens))
    step = max(1, -(-len(by_length) // MOST_BATCHES))
    return [first, *(each for each in by_length[::step] if each is not first)]


def _require_same_alone(model: Any, batch: StaticBatch, settings: Any, together: Any) -> None:
    lengths = batch.prompt_tokens
    row = lengths.index(min(lengths))
    alone = {name: each[row : row + 1, -lengths[row] :] for name, each in batch.inputs.items()}
    lone = _first_logits(model, alone, settings)
    _require_finite(model, lone)
    _require_equal(together[row], lone[0])


def _first_logits(model: Any, inputs: dict[str, Any], settings: Any) -> Any:
    """Return the logits of the first token of each answer, as `generate` computes them: (batch, vocabulary)."""
    from transformers import GenerationConfig

    greedy = GenerationConfig(
        max_new_tokens=1,
        do_sample=False,
        use_cache=settings.use_cache,
        disable_compile=True,
        output_logits=True,
        return_dict_in_generate=True,
        eos_token_id=settings.eos_token_id,
        pad_token_id=settings.pad_token_id,
        bos_token_id=settings.bos_token_id,
    )
    return model.generate(**inputs, generation_config=greedy).logits[0].float()


def _require_finite(model: Any, logits: Any) -> None:
    """Minus infinity is a way to leave tokens out, and no fault."""
    bad = logits.isnan().any(dim=-1) | logits.isposinf().any(dim=-1) | logits.isneginf().all(dim=-1)
    if bool(bad.any()):
        raise BackendError(
            f"the model's logits are not numbers (NaN or infinite) for {int(bad.sum())} of {len(bad)} prompts, so that "
            f"its answers mean nothing: {_remedy(model)}"
        )


def _remedy(model: Any) -> str:
    """A wider type helps where numbers became too large for a narrow one, and weights that are none nowhere."""
    wider = {"torch.float16": "bf16 or fp32", "torch.bfloat16": "fp32"}.get(str(model.dtype))
    broken = _weights_that_are_no_numbers(model)
    if broken and wider is None:
        return f"its weights are not numbers either (first in {broken}), download them again"
    if wider is None:
        return (
            "download its files again; a value in its config.json may be wrong, too (rope, scaling, epsilon)"
        )
    return f"set precision: {wider}, or download the weights again" + (
        f", which are not numbers either (first in {broken})" if broken else ""
    )


def _weights_that_are_no_numbers(model: Any) -> str | None:
    """Return the first tensor of weights with NaN or infinite values; what is not in memory is not looked at."""
    for name, tensor in model.named_parameters():
        if tensor.is_floating_point() and tensor.device.type != "meta" and tensor.element_size() > 1:
            low, high = tensor.detach().aminmax()
            if not bool(low.isfinite() & high.isfinite()):
                return str(name)
    return None


def _require_equal(padded: Any, alone: Any) -> None:
    kept = padded.isfinite() & alone.isfinite()
    difference = float((padded - alone)[kept].square().mean().sqrt() / alone[kept].std().clamp(min=1e-9))
    if difference > MOST_DIFFERENCE:
        raise BackendError(
            f"padding changes what the model writes (its logits differ by {difference:.1f} standard deviations from "
            "those of the prompt alone), as in recurrent models: set pytorch.batch_size: 1, or use prompts of equal "
            "length (workload.dataset: synthetic)"
        )


@contextmanager
def _not_compiled(model: Any) -> Iterator[None]:
    """Keep these shapes out of what torch.compile makes for the workload."""
    compiled = getattr(model, "_compiled_call_impl", None)
    if compiled is None:
        yield
        return
    model._compiled_call_impl = None
    try:
        yield
    finally:
        model._compiled_call_impl = compiled
