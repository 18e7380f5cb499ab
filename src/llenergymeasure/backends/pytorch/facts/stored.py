"""The weights that a layer keeps: how many they stand for, and the memory that they take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llenergymeasure.backends.pytorch.facts.shape import whole

_SHAPES = (
    ("in_features", "out_features"),
    ("infeatures", "outfeatures"),
    ("num_embeddings", "embedding_dim"),
)
"""What layers call the two dimensions of the matrix that they stand for."""

_SCALES = re.compile(r"scale|zero|SCB|absmax|tables|codebook|g_idx|weight_shape|amax", re.IGNORECASE)
"""Of a quantised layer, what its weights are unpacked with."""

_NO_WEIGHTS = re.compile(r"mask|bias$|position|ids?$|idx|index|lookup|count|num_|length", re.IGNORECASE)
"""Integer tensors that any layer may keep."""

_PACKED_NAMES = frozenset({"qweight", "W_q", "weight_packed"})
_UNKNOWN_SHAPE = "holds packed weights and does not say how many they stand for"


@dataclass(frozen=True)
class Stored:
    """One tensor of weights; `size` is None where a packed one does not say what it stands for."""

    name: str
    tensor: Any
    size: int | None
    shape: tuple[int, ...]
    """The shape that it stands for."""
    also: tuple[Any, ...] = ()
    """Tensors that are kept for it: scales, zero points."""

    @property
    def n_bytes(self) -> int:
        """The memory that it takes, its scales included."""
        unique = {id(part): part for each in (self.tensor, *self.also) for part in _parts(each)}
        return sum(int(part.numel() * part.element_size()) for part in unique.values())


def stored_weights(module: Any) -> list[Stored]:
    """Return the weights that a module keeps itself, without those of its submodules.

    A quantised layer keeps integers, or floats of 8 bits and fewer, often as buffers and several weights in each: it
    counts as the matrix that it stands for.
    """
    parameters = _tensors(module._parameters)
    buffers = {name: each for name, each in _tensors(module._buffers).items() if _holds_weights(name, each)}
    own = {**parameters, **buffers}
    packed = [name for name, each in own.items() if _is_packed(name, each) and not _is_auxiliary(name)]
    if not packed:
        return [_plain(name, each) for name, each in parameters.items()]
    kept = {**parameters, **_tensors(module._buffers)}
    return list(_of_quantised(module, kept, packed))


def unknown_shape(module: Any) -> str:
    """Return why the weights of a module cannot be counted."""
    return f"{type(module).__name__} {_UNKNOWN_SHAPE}"


def _of_quantised(module: Any, kept: Mapping[str, Any], packed: list[str]) -> Iterator[Stored]:
    """Yield the matrix of a quantised layer with its scales, and its bias."""
    main, *rest = sorted(packed, key=lambda name: -int(kept[name].numel()))
    whole_tensors = {name: each for name, each in kept.items() if name not in packed}
    biases = {name: each for name, each in whole_tensors.items() if name.endswith("bias")}
    plain = {
        name: each
        for name, each in whole_tensors.items()
        if name not in biases and not _is_auxiliary(name) and name in module._parameters
    }
    scales = [each for name, each in whole_tensors.items() if name not in biases and name not in plain]
    scales += list(_kept_beside(getattr(module, "meta", None)))
    shape = _stated_shape(module)
    if shape is None:
        for name in packed:
            yield _unpacked(name, kept[name], tuple(scales) if name == main else ())
    else:
        also = (*scales, *(kept[name] for name in rest))
        yield Stored(main, kept[main], shape[0] * shape[1], shape, also)
    for name, each in {**biases, **plain}.items():
        yield _plain(name, each)


def _unpacked(name: str, tensor: Any, also: tuple[Any, ...]) -> Stored:
    """A tensor of a layer that states no shape: one weight in each float of 8 bits, unknown in an integer."""
    if type(tensor).__name__ == "Params4bit":  # of bitsandbytes: two weights in each byte
        return Stored(
            name, tensor, int(tensor.numel() * tensor.element_size() * 2), tuple(tensor.shape), also
        )
    one_each = tensor.dtype.is_floating_point and "float4" not in str(tensor.dtype)
    return Stored(name, tensor, int(tensor.numel()) if one_each else None, tuple(tensor.shape), also)


def _plain(name: str, tensor: Any) -> Stored:
    return Stored(name, tensor, int(tensor.numel()), tuple(tensor.shape))


def _stated_shape(module: Any) -> tuple[int, int] | None:
    for first, second in _SHAPES:
        rows, columns = whole(module, first), whole(module, second)
        if rows and columns:
            return columns, rows
    return None


def _tensors(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in kept.items() if each is not None}


def _holds_weights(name: str, buffer: Any) -> bool:
    """Whether a buffer holds weights: a matrix of packed ones. Masks, positions and frequencies are none."""
    return buffer.dim() >= 2 and _is_packed(name, buffer) and not _NO_WEIGHTS.search(name)


def _is_packed(name: str, tensor: Any) -> bool:
    """Whether an element of a tensor may be other than one weight of the usual precision."""
    import torch

    if name in _PACKED_NAMES:
        return True
    usual = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool)
    return tensor.dtype not in usual and not tensor.dtype.is_complex


def _is_auxiliary(name: str) -> bool:
    return bool(_SCALES.search(name))


def _parts(tensor: Any) -> Iterator[Any]:
    """Yield the tensors in memory that a tensor consists of; torchao and quanto keep several behind one."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
    else:
        for name in flatten()[0]:
            yield from _parts(getattr(tensor, name))
    yield from _kept_beside(vars(getattr(tensor, "quant_state", None) or _Nothing()))


def _kept_beside(values: Any) -> Iterator[Any]:
    """Yield the tensors among the values of a dict, as HQQ and bitsandbytes keep scales."""
    import torch

    for each in values.values() if isinstance(values, dict) else ():
        if isinstance(each, torch.Tensor):
            yield each
        elif type(each).__name__ == "QuantState" or isinstance(each, dict):
            yield from _kept_beside(each if isinstance(each, dict) else vars(each))


class _Nothing:
    """Stands for the state of a tensor that has none."""
