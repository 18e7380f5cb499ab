"""What transformers reports of the tensors that it loaded, without those that are no fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from llenergymeasure.domain.model.weight_faults import MOST_NAMES, WeightFaults

_COMPUTED = re.compile(r"(inv_freq|position_ids|masked_bias|attn\.bias)$")
"""Buffers that follow from the configuration: old files contain them, the model computes them."""


def weight_faults(model: Any, report: Mapping[str, Collection[Any]]) -> WeightFaults | None:
    """Return what is wrong with the tensors of a loaded model, or None; `report` is its `output_loading_info`."""
    missing = _faulty(report.get("missing_keys", ()))
    mismatched = _faulty(_name(each) for each in report.get("mismatched_keys", ()))
    unused = _faulty(report.get("unexpected_keys", ()))
    if not (missing or mismatched or unused):
        return None
    tensors = model.state_dict(keep_vars=True)
    unique = {id(tensor): tensor for tensor in tensors.values()}
    return WeightFaults(
        n_tensors=len(unique),
        n_parameters=sum(tensor.numel() for tensor in unique.values()),
        n_missing=len(missing),
        missing=tuple(missing[:MOST_NAMES]),
        n_mismatched=len(mismatched),
        mismatched=tuple(mismatched[:MOST_NAMES]),
        random_parameters=sum(tensors[name].numel() for name in {*missing, *mismatched} if name in tensors),
        n_unused=len(unused),
        unused=tuple(unused[:MOST_NAMES]),
    )


def _faulty(names: Iterable[Any]) -> list[str]:
    return sorted(str(name) for name in names if not _COMPUTED.search(str(name)))


def _name(mismatch: Any) -> str:
    """Mismatched tensors come as (name, shape in the file, shape in the model)."""
    return str(mismatch if isinstance(mismatch, str) else mismatch[0])
