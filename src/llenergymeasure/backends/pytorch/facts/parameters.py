"""How many parameters a model has, and how many of them multiply for each token."""

from __future__ import annotations

from typing import Any


def count_parameters(model: Any) -> int:
    """Return the number of weights, shared ones once and packed 4-bit ones as what they stand for."""
    return sum(_size(parameter) for parameter in model.parameters())


def count_matmul_parameters(model: Any) -> int:
    """Return the number of weights that multiply for each token.

    Embedding tables that are only looked up do not; one that is also the output layer does. Of experts, as many count
    as a token is routed to. LoRA weights count as any other.
    """
    lookups = sum(_size(table) for table in _lookup_tables(model))
    experts = sum(_size(weight) for name, weight in model.named_parameters() if ".experts." in name)
    return count_parameters(model) - lookups - experts + _active(experts, model)


def weight_bytes(model: Any) -> int:
    """Return the bytes that the weights take, shared ones once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def _lookup_tables(model: Any) -> list[Any]:
    from torch.nn import Embedding

    output = model.get_output_embeddings()
    shared = None if output is None else output.weight
    tables = {module.weight for module in model.modules() if isinstance(module, Embedding)}
    return [table for table in tables if table is not shared]


def _active(experts: int, model: Any) -> int:
    """Return how many of the experts' weights one token meets; all where the config does not say."""
    shape = model.config.get_text_config()
    total = _first_of(shape, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    chosen = _first_of(shape, "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k")
    return experts * chosen // total if total and chosen else experts


def _first_of(shape: Any, *names: str) -> int | None:
    for name in names:
        value = getattr(shape, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _size(parameter: Any) -> int:
    """bitsandbytes packs two 4-bit weights into each byte of a `Params4bit`."""
    if type(parameter).__name__ == "Params4bit":
        return int(parameter.numel() * parameter.element_size() * 2)
    return int(parameter.numel())
