"""From a loaded model to its shape, or to the reason why it has none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from llenergymeasure.backends.pytorch.facts.layers.attention import (
    attention_path,
    expands_latents,
    read_attention,
)
from llenergymeasure.backends.pytorch.facts.layers.matrices import (
    NotUnderstoodError,
    Reader,
    Weight,
    tables,
)
from llenergymeasure.backends.pytorch.facts.layers.windows import Window, cache_windows
from llenergymeasure.backends.pytorch.facts.shape import whole
from llenergymeasure.backends.pytorch.facts.stored import stored_weights
from llenergymeasure.domain.model.shape import ExpertsShape, LayerShape, ModelShape
from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained

_NOT_TEXT = re.compile(r"vision|visual|image|audio|speech|multi_?modal|mm_projector", re.IGNORECASE)


def read_shape(model: Any, cache_implementation: str | None = None) -> tuple[ModelShape | None, str | None]:
    """Return the shape of a decoder, or None and why it is not known."""
    try:
        with explained(BackendError, NotUnderstoodError):
            return _read(model, cache_implementation), None
    except (BackendError, NotUnderstoodError) as reason:
        return None, f"{type(model).__name__}: {reason}"


def caches_latents(model: Any) -> bool:
    """Whether any layer computes keys and values of cached latents in every pass."""
    return any(expands_latents(module) for module in model.modules())


def _read(model: Any, cache_implementation: str | None) -> ModelShape:
    config = model.config
    if getattr(config, "is_encoder_decoder", False):
        raise NotUnderstoodError("an encoder and a decoder do different work, which is not counted")
    text = config.get_text_config(decoder=True)
    windows = cache_windows(config, text)
    decoder, output = model.get_decoder(), model.get_output_embeddings()
    if decoder is None or output is None:
        raise NotUnderstoodError(
            "it does not say which of its modules is the decoder, or has no output layer"
        )
    stack = _stack(decoder, len(windows))
    reader = Reader(model)
    counts: Counter[LayerShape] = Counter()
    for index, (layer, window) in enumerate(zip(stack, windows, strict=True)):
        counts[_layer(reader, layer, f"layer {index}", window, _heads(text, index))] += 1
    head = reader.weights(output)
    look_ups = [each for each in tables(decoder) if each is not output]
    tied = any(weight.tensor is _weight_of(output) for table in look_ups for weight in stored_weights(table))
    beside = reader.weights(decoder, skip={id(each) for each in (stack, output, *look_ups)})
    _require_nothing_else(model, decoder, output)
    bytes_of = _bytes_of_tables(reader, look_ups)
    matrix = next((each for each in head if each.multiplies), None)
    if matrix is None or any(each.is_lora for each in head) or any(each.is_routed for each in beside):
        raise NotUnderstoodError("its output layer is not one matrix")
    dtype = str(model.dtype).removeprefix("torch.")
    is_quantised = cache_implementation == "quantized"
    return ModelShape(
        hidden_size=matrix.inputs,
        vocab_size=matrix.outputs,
        tied_embeddings=tied,
        layers=tuple(each.model_copy(update={"layers": n}) for each, n in counts.items()),
        output_parameters=matrix.size,
        output_bytes=sum(each.n_bytes for each in head),
        other_parameters=sum(each.size for each in beside if each.multiplies),
        other_bytes=sum(each.n_bytes for each in beside),
        embedding_bytes=bytes_of[0],
        embedding_bytes_per_token=bytes_of[1],
        kv_dtype="quantised" if is_quantised else dtype,
        kv_element_bytes=None if is_quantised else model.dtype.itemsize,
    )


def _layer(reader: Reader, layer: Any, name: str, window: Window, heads: int) -> LayerShape:
    weights = reader.weights(layer)
    path = attention_path(weights, name)
    inside = [each for each in weights if each.name.startswith(f"{path}.")]
    outside = [each for each in weights if not each.name.startswith(f"{path}.")]
    attention = read_attention(layer.get_submodule(path), inside, heads, window.tokens)
    met = [each for each in outside if each.multiplies and not each.is_routed and not each.is_lora]
    shared = [each for each in met if "shared" in each.name]
    experts = _experts([each for each in outside if each.is_routed])
    router = [each for each in met if experts and each.outputs == experts.number]
    dense = [each for each in met if each not in shared and each not in router]
    return LayerShape(
        attention=attention,
        mlp_parameters=sum(each.size for each in met),
        shared_expert_parameters=sum(each.size for each in shared),
        router_parameters=sum(each.size for each in router),
        lora_parameters=sum(each.size for each in weights if each.multiplies and each.is_lora),
        experts=experts,
        n_bytes=sum(each.n_bytes for each in weights if not each.is_routed),
        **_mlp(dense),
    )


def _mlp(dense: Sequence[Weight]) -> dict[str, Any]:
    """Return kind and width of the plain part: its last matrix leads from the inner width to the hidden one."""
    if not dense:
        return {}
    inner, hidden = dense[-1].inputs, dense[-1].outputs
    ratio = sum(each.size for each in dense) / (inner * hidden)
    kind = {2.0: "plain", 3.0: "gated"}.get(ratio)
    return {"mlp": kind, "intermediate_size": inner if kind else None}


def _experts(routed: Sequence[Weight]) -> ExpertsShape | None:
    if not routed:
        return None
    kinds = {(each.chosen, each.total) for each in routed}
    if len(kinds) > 1 or any(each.is_lora for each in routed):
        raise NotUnderstoodError("its experts are of several kinds in one layer")
    chosen, total = kinds.pop()
    # A stack holds every expert, and so does a list with all its entries together.
    return ExpertsShape(
        number=total,
        per_token=chosen,
        parameters=sum(each.size for each in routed if each.multiplies) // total,
        n_bytes=sum(each.n_bytes for each in routed) // total,
    )


def _stack(decoder: Any, n_layers: int) -> Any:
    """Return the list of the decoder's layers."""
    from torch.nn import ModuleList

    found = [
        (name.count("."), each)
        for name, each in decoder.named_modules()
        if isinstance(each, ModuleList) and len(each) == n_layers
    ]
    if not found:
        raise NotUnderstoodError(f"its decoder has no list of {n_layers} layers")
    return min(found, key=lambda each: each[0])[1]


def _heads(text: Any, index: int) -> int:
    configs = getattr(text, "per_layer_config", None)
    config = configs[index] if configs and index < len(configs) else text
    heads = whole(config, "num_attention_heads")
    if heads is None:
        raise NotUnderstoodError("its configuration does not say how many heads attend")
    return heads


def _bytes_of_tables(reader: Reader, look_ups: Sequence[Any]) -> tuple[int, int]:
    """Return the bytes of tables that are not counted yet, and of one row of each."""
    total = per_token = 0
    for table in look_ups:
        n_bytes = sum(reader.bytes_once(each) for each in stored_weights(table))
        total += n_bytes
        per_token += n_bytes // table.num_embeddings
    return total, per_token


def _weight_of(output: Any) -> Any:
    return getattr(output, "weight", None)


def _require_nothing_else(model: Any, decoder: Any, output: Any) -> None:
    """Refuse a model with matrices outside its decoder and output layer: nobody says when these multiply.

    Parts for images and sound are left out: prompts are text, so they neither multiply nor are read.
    """
    known = {id(below) for each in (decoder, output) for below in each.modules()}
    for name, module in model.named_modules():
        if id(module) in known or _NOT_TEXT.search(name):
            continue
        if any(len(each.shape) > 1 for each in stored_weights(module)):
            raise NotUnderstoodError(f"{name} ({type(module).__name__}) lies outside its decoder")
