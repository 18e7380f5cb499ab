"""The CUDA context of the GPUs that the model will use, created before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.backends.pytorch.error_messages import explain_attaching
from llenergymeasure.config.models import ExperimentConfig


def create_contexts(config: ExperimentConfig) -> tuple[str, ...]:
    """Create them and return the names of the GPUs; a context that the model does not need would cost idle power."""
    import torch

    devices = _planned(options_of(config).device_map, torch.cuda.device_count())
    with explain_attaching():
        torch.cuda.init()
        for device in devices:
            torch.zeros(1, device=device)
            torch.cuda.synchronize(device)
    return devices


def _planned(device_map: Any, count: int) -> tuple[str, ...]:
    """Return the GPUs of a placement; a strategy such as `auto` may use all `count` of them."""
    if device_map is None:
        return ("cuda:0",)
    if isinstance(device_map, dict):
        return _gpus(device_map.values())
    named = _gpus([device_map])
    if named or device_map == "cpu":
        return named
    return tuple(f"cuda:{index}" for index in range(count))


def _gpus(places: Iterable[int | str]) -> tuple[str, ...]:
    matches = (re.fullmatch(r"(?:cuda)?:?(\d*)", str(place)) for place in places)
    return tuple(sorted({f"cuda:{match[1] or 0}" for match in matches if match}))
