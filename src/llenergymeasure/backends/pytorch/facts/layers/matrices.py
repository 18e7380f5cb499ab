"""The weights below a module, each as what it does: a matrix, a vector, a table, or part of an expert."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.pytorch.facts.experts import Routing
from llenergymeasure.backends.pytorch.facts.shape import whole
from llenergymeasure.backends.pytorch.facts.stored import Stored, stored_weights, unknown_shape

_ROUTER = re.compile(r"router|gate|gating", re.IGNORECASE)
_WRAPPERS = frozenset({"base_layer", "default", "lora_A", "lora_B"})
"""Names that peft puts below the name of a layer that it adapts."""


class NotUnderstoodError(Exception):
    """The model does something of which the work is not known."""


@dataclass(frozen=True)
class Weight:
    """One tensor of weights; `inputs` and `outputs` are 0 unless it is one matrix."""

    name: str
    """Of the module that keeps it, below where the walk began, without the names of wrappers."""
    size: int
    n_bytes: int
    """0 where the tensor was met before."""
    multiplies: bool
    inputs: int = 0
    outputs: int = 0
    chosen: int = 1
    total: int = 1
    """Of experts: how many a token is sent to, and how many this tensor holds or is one of."""
    is_lora: bool = False

    @property
    def last_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_routed(self) -> bool:
        return self.total > 1


class Reader:
    """Reads weights module by module, each tensor's bytes once."""

    def __init__(self, model: Any) -> None:
        self._routing = Routing(model)
        self._names = {id(module): name for name, module in model.named_modules()}
        self._seen: set[int] = set()

    def weights(self, module: Any, skip: Collection[int] = ()) -> list[Weight]:
        """Return the weights of a module and of what is below it, without modules in `skip` (their `id`).

        Raises:
            NotUnderstoodError: a weight is used in a way that is not known.
        """
        skipped = {id(below) for each in module.modules() if id(each) in skip for below in each.modules()}
        return [
            self._weight(name, each, stored)
            for name, each in module.named_modules()
            if id(each) not in skipped
            for stored in stored_weights(each)
        ]

    def _weight(self, name: str, module: Any, stored: Stored) -> Weight:
        full = self._names[id(module)]
        if stored.size is None:
            raise NotUnderstoodError(unknown_shape(module))
        if "lora_magnitude" in full:
            raise NotUnderstoodError(
                f"{full} rescales an adapter, which multiplies in a way that is not counted"
            )
        share = self._routing.share(full, stored.name, stored.shape)
        if share.unknown is not None:
            raise NotUnderstoodError(share.unknown)
        is_vector = len(stored.shape) < 2 or "bias" in stored.name
        inputs, outputs = (0, 0) if is_vector else self._sides(full, module, stored, routed=share.total > 1)
        return Weight(
            name=".".join(part for part in name.split(".") if part not in _WRAPPERS),
            size=stored.size,
            n_bytes=self.bytes_once(stored),
            multiplies=not is_vector,
            inputs=inputs,
            outputs=outputs,
            chosen=share.chosen,
            total=share.total,
            is_lora="lora_" in full,
        )

    def _sides(self, full: str, module: Any, stored: Stored, *, routed: bool) -> tuple[int, int]:
        """Return inputs and outputs of a matrix; zeros for a stack of experts."""
        sides = _features(module)
        if sides is not None and sides[0] * sides[1] == stored.size:
            return sides
        if routed:
            return 0, 0
        if len(stored.shape) == 2 and (_ROUTER.search(full) or _ROUTER.search(type(module).__name__)):
            return stored.shape[1], stored.shape[0]
        raise NotUnderstoodError(
            f"{full}.{stored.name} of {type(module).__name__} is not known to be a matrix"
        )

    def bytes_once(self, stored: Stored) -> int:
        """Return the bytes of a tensor the first time that it is met, and 0 after that."""
        if id(stored.tensor) in self._seen:
            return 0
        self._seen.add(id(stored.tensor))
        return stored.n_bytes


def _features(module: Any) -> tuple[int, int] | None:
    """Return inputs and outputs of a linear layer; None for any other module."""
    if "Conv" in type(module).__name__ and type(module).__name__ != "Conv1D":
        return None
    for names in (("in_features", "out_features"), ("infeatures", "outfeatures"), ("nx", "nf")):
        inputs, outputs = (whole(module, name) for name in names)
        if inputs and outputs:
            return inputs, outputs
    return None


def tables(module: Any) -> Iterator[Any]:
    """Yield the embedding tables in a module."""
    from torch.nn import Embedding

    yield from (each for each in module.modules() if isinstance(each, Embedding))
