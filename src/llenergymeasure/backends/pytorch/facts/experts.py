"""Of a mixture of experts, which weights belong to experts, and how many of these one token meets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.pytorch.facts.shape import whole
from llenergymeasure.backends.pytorch.facts.stored import stored_weights

_EXPERTS = re.compile(r"expert", re.IGNORECASE)
_NOT_ROUTED = re.compile(r"shared|router|gate$|gating", re.IGNORECASE)
"""Parts beside or within the experts that every token meets."""

_TOTALS = (
    "num_local_experts",
    "num_experts",
    "n_routed_experts",
    "num_routed_experts",
    "moe_num_experts",
    "n_experts",
)
_CHOSEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "num_selected_experts",
    "top_k_experts",
    "moe_top_k",
    "moe_topk",
    "moe_k",
)
_CHOSEN_BY_MODULE = ("top_k", "topk", *_CHOSEN)
"""In a configuration, `top_k` may be that of sampling."""


@dataclass(frozen=True)
class Share:
    """The part of a tensor that one token meets: `chosen` of `total`; `unknown` says why it cannot be told."""

    chosen: int = 1
    total: int = 1
    unknown: str | None = None


ALL = Share()


class Routing:
    """Which weights of a model are those of experts."""

    def __init__(self, model: Any) -> None:
        self._modules: dict[str, Any] = dict(model.named_modules())
        self._configs = list(_configs(model.config))
        self._lists = {name for name in self._modules if self._is_list_of_experts(name)}

    def share(self, module_name: str, tensor_name: str, shape: tuple[int, ...]) -> Share:
        """Return how much of a tensor one token meets; `shape` is the one that it stands for."""
        parts = module_name.split(".")
        ancestors = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
        listed = next((name for name in ancestors if name in self._lists), None)
        if listed is not None:
            return self._routed(listed, len(self._modules[listed]._modules))
        if any(_NOT_ROUTED.search(part) for part in (*parts, tensor_name)):
            return ALL
        named = any(_EXPERTS.search(part) for part in (*parts, tensor_name))
        if named and len(shape) >= 2 and any(whole(config, "zero_expert_num") for config in self._configs):
            return Share(unknown="some of the experts compute nothing, and tokens choose how many of these")
        total = self._total(module_name)
        if total is None:
            return self._without_total(module_name, shape) if named else ALL
        is_stack = len(shape) >= 3 and shape[0] == total and not _is_convolution(self._modules[module_name])
        if is_stack or (named and len(shape) >= 2 and shape[0] % total == 0):
            return self._routed(module_name, total)
        if named and len(shape) >= 2:
            return Share(
                unknown=f"{module_name}.{tensor_name} is not divided into {total} experts that can be told"
            )
        return ALL

    def _routed(self, name: str, total: int) -> Share:
        chosen = self._chosen(name)
        if chosen is None or chosen > total:
            return Share(unknown=f"{name} has {total} experts, and nothing says how many a token is sent to")
        return Share(chosen, total)

    def _without_total(self, name: str, shape: tuple[int, ...]) -> Share:
        if len(shape) < 2:
            return ALL
        return Share(unknown=f"{name} has experts, and nothing says how many")

    def _is_list_of_experts(self, name: str) -> bool:
        """Whether a list holds equal modules, one for each output of a router beside it, or is called experts."""
        from torch.nn import ModuleDict, ModuleList

        module = self._modules[name]
        if not isinstance(module, (ModuleList, ModuleDict)) or len(module) < 2 or not _are_alike(module):
            return False
        parent, _, own = name.rpartition(".")
        if _EXPERTS.search(own):
            return not _NOT_ROUTED.search(own)
        return any(
            len(shape) == 2 and shape[0] == len(module)
            for shape in _shapes_beside(self._modules[parent], own)
        )

    def _total(self, name: str) -> int | None:
        for module in self._around(name):
            found = _first_of(module, _TOTALS)
            if found:
                return found
        return next((found for config in self._configs if (found := _first_of(config, _TOTALS))), None)

    def _chosen(self, name: str) -> int | None:
        for module in self._around(name):
            for each in (module, *module._modules.values()):
                found = None if each is None else _first_of(each, _CHOSEN_BY_MODULE)
                if found:
                    return found
        return next((found for config in self._configs if (found := _first_of(config, _CHOSEN))), None)

    def _around(self, name: str) -> Iterator[Any]:
        """Yield a module and those that contain it, as far as the layer's entry in the list of layers."""
        while name:
            yield self._modules[name]
            name, _, own = name.rpartition(".")
            if own.isdigit() and name not in self._lists:
                return


def _configs(config: Any) -> Iterator[Any]:
    """Yield the configuration of the text model and what is nested in it: DBRX states experts in `ffn_config`."""
    text = config.get_text_config()
    yield text
    yield from (
        each for name, each in vars(text).items() if name.endswith("_config") and hasattr(each, "to_dict")
    )


def _first_of(source: Any, names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := whole(source, name))), None)


def _are_alike(modules: Any) -> bool:
    children = list(modules._modules.values())
    first = [tuple(each.shape) for each in children[0].state_dict(keep_vars=True).values()]
    return bool(first) and all(
        type(child) is type(children[0])
        and [tuple(each.shape) for each in child.state_dict(keep_vars=True).values()] == first
        for child in children[1:]
    )


def _shapes_beside(parent: Any, own: str) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of the weights of a module and of its children but one, without theirs."""
    beside = [
        parent,
        *(child for name, child in parent._modules.items() if name != own and child is not None),
    ]
    for module in beside:
        yield from (each.shape for each in stored_weights(module))


def _is_convolution(module: Any) -> bool:
    return "Conv" in type(module).__name__
