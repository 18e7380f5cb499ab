"""On which devices a loaded model lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def devices_of(model: Any) -> tuple[str, ...]:
    """Return `cpu`, `cuda:0`... and `disk` for weights that accelerate fetches when they are needed."""
    placed = getattr(model, "hf_device_map", None)
    if placed:
        return tuple(sorted({_name(device) for device in placed.values()}))
    return tuple(sorted({str(parameter.device) for parameter in model.parameters()}))


def input_device(model: Any) -> str:
    """Return where token ids go: to the model's first layers, or the first GPU where those are fetched from disk."""
    if model.device.type != "meta":
        return str(model.device)
    return next((device for device in devices_of(model) if device.startswith("cuda")), "cpu")


def uuids_of(devices: Sequence[str]) -> dict[str, str]:
    """Return the UUIDs of NVIDIA cards, as NVML writes them, by device; without those that torch does not know."""
    import torch

    cards = [device for device in devices if device.startswith("cuda")] if torch.version.cuda else []
    known = {card: getattr(torch.cuda.get_device_properties(card), "uuid", None) for card in cards}
    return {card: f"GPU-{str(uuid).removeprefix('GPU-')}" for card, uuid in known.items() if uuid is not None}


def _name(device: int | str) -> str:
    return f"cuda:{device}" if isinstance(device, int) else str(device)
