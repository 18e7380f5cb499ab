"""How many parameters a model has, how many of them multiply for each token, and the memory that they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llenergymeasure.backends.pytorch.facts.experts import Routing, Share
from llenergymeasure.backends.pytorch.facts.stored import Stored, stored_weights, unknown_shape


@dataclass(frozen=True)
class ParameterCounts:
    """Counts of a model's weights, shared ones once; None where they cannot be told, and `unknown` says why."""

    n_parameters: int | None
    n_matmul_parameters: int | None
    weight_bytes: int
    bytes_by_device: dict[str, int]
    unknown: dict[str, str] = field(default_factory=dict)


def count_parameters(model: Any) -> ParameterCounts:
    """Count the weights of a model: packed ones as what they stand for, and apart from all, those that multiply.

    Embedding tables that are only looked up do not multiply; one that is also the output layer does. Of experts, as
    many count as a token is sent to, besides those that every token meets. LoRA weights count as any other.
    """
    routing = Routing(model)
    output = model.get_output_embeddings()
    shared = None if output is None else getattr(output, "weight", None)
    total = 0
    by_device: dict[str, int] = {}
    by_share: dict[Share, int] = {}
    unknown: dict[str, str] = {}
    for name, module, weight in _unique(model):
        device = str(weight.tensor.device).replace("meta", "disk")
        by_device[device] = by_device.get(device, 0) + weight.n_bytes
        if weight.size is None:
            unknown.setdefault("n_parameters", unknown_shape(module))
            continue
        total += weight.size
        if _is_table(module) and weight.tensor is not shared:
            continue
        share = routing.share(name, weight.name, weight.shape)
        if share.unknown is not None:
            unknown.setdefault("n_matmul_parameters", share.unknown)
        by_share[share] = by_share.get(share, 0) + weight.size
    if "n_parameters" in unknown:
        unknown["n_matmul_parameters"] = unknown["n_parameters"]
    active = sum(size * share.chosen // share.total for share, size in by_share.items())
    return ParameterCounts(
        n_parameters=None if "n_parameters" in unknown else total,
        n_matmul_parameters=None if "n_matmul_parameters" in unknown else active,
        weight_bytes=sum(by_device.values()),
        bytes_by_device=by_device,
        unknown=unknown,
    )


def _unique(model: Any) -> Iterator[tuple[str, Any, Stored]]:
    """Yield each tensor of weights once, with the module that keeps it and the module's name."""
    seen: set[int] = set()
    for name, module in model.named_modules():
        for weight in stored_weights(module):
            if id(weight.tensor) not in seen:
                seen.add(id(weight.tensor))
                yield name, module, weight


def _is_table(module: Any) -> bool:
    from torch.nn import Embedding

    return isinstance(module, Embedding)
