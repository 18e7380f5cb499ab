"""Which cards CUDA_VISIBLE_DEVICES names, by index, UUID or MIG instance."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_LEGACY_MIG = re.compile(r"MIG-(GPU-[0-9a-f-]+)/\d+/\d+", re.IGNORECASE)
_ORDINAL = re.compile(r"\+?(\d+)")
UNLIKE_GPUS = (
    "the machine's GPUs differ and CUDA numbers the fastest first: "
    "set CUDA_DEVICE_ORDER=PCI_BUS_ID or name GPUs by UUID to be sure that the right ones are metered"
)


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One physical card. `index` is NVML's: the order of PCI bus addresses, whatever CUDA's order is."""

    index: int
    uuid: str
    name: str
    pci_bus_id: str
    ordinal: int | None = None
    """Its place among those that CUDA lets this process use, as in `cuda:0`; None where that was not asked."""
    mig_enabled: bool = False
    mig_uuids: tuple[str, ...] = ()
    """The MIG instances the card is cut into; power and energy are only known of the whole card."""
    fault: str | None = None
    """Why the card does not answer; then only its index is certain."""


def select_visible(gpus: Sequence[Gpu], environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return those of `gpus` that CUDA_VISIBLE_DEVICES lets through, each card once.

    As CUDA reads it: unset means all; the list ends at the first entry that names no device; an entry is an ordinal
    ("1", also with trailing text), the start of one GPU's UUID, or a MIG instance, which stands for its whole card;
    a device named twice leaves none at all. Ordinals count as NVML does: see `ordinal_caveat`. The UUID of no card that
    answers is taken for that of one which does not.

    Source: CUDA Programming Guide, "CUDA Environment Variables".
    """
    value = environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return tuple(gpus)
    chosen: dict[str, Gpu] = {}
    for entry in value.split(","):
        device = _find_device(gpus, entry.strip()) or _find_silent(gpus, entry.strip(), chosen.values())
        if device is None:
            break
        identity, gpu = device
        if identity in chosen:
            return ()
        chosen[identity] = gpu
    return tuple(dict.fromkeys(chosen.values()))


def ordinal_caveat(gpus: Sequence[Gpu], environ: Mapping[str, str]) -> str | None:
    """Return what is uncertain about ordinals in CUDA_VISIBLE_DEVICES, or None where nothing is."""
    value = environ.get("CUDA_VISIBLE_DEVICES")
    return UNLIKE_GPUS if value is not None and not is_order_known(gpus, environ) else None


def is_order_known(gpus: Sequence[Gpu], environ: Mapping[str, str]) -> bool:
    """Whether the cards have the same numbers in CUDA, as in `cuda:0`, as in the result of `select_visible`.

    CUDA numbers the fastest card first unless CUDA_DEVICE_ORDER=PCI_BUS_ID; between cards of one model that makes no
    difference, between different ones NVML does not report which card CUDA calls 0. UUIDs have the order of the list.
    """
    value = environ.get("CUDA_VISIBLE_DEVICES")
    by_ordinal = value is None or any(_ORDINAL.match(entry.strip()) for entry in value.split(","))
    unlike = len({gpu.name for gpu in gpus if gpu.fault is None}) > 1
    return not by_ordinal or not unlike or environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"


def _find_silent(gpus: Sequence[Gpu], entry: str, chosen: Collection[Gpu]) -> tuple[str, Gpu] | None:
    """Return a card that does not answer, whose UUID is not known, for the UUID of none that does."""
    if not entry.lower().startswith("gpu-") or _beginning_with(gpus, entry.lower()):
        return None
    gpu = next((gpu for gpu in gpus if gpu.fault is not None and gpu not in chosen), None)
    return (gpu.uuid, gpu) if gpu else None


def _find_device(gpus: Sequence[Gpu], entry: str) -> tuple[str, Gpu] | None:
    """Return the UUID of what an entry names, and the card that it is or lies on."""
    ordinal = _ORDINAL.match(entry)
    if ordinal:
        gpu = next((gpu for gpu in gpus if gpu.index == int(ordinal[1])), None)
        return (gpu.uuid, gpu) if gpu else None
    legacy = _LEGACY_MIG.fullmatch(entry)
    if legacy:
        parent = next((gpu for gpu in gpus if gpu.uuid.lower() == legacy[1].lower()), None)
        return (entry.lower(), parent) if parent else None
    return _find_uuid(gpus, entry.lower())


def _find_uuid(gpus: Sequence[Gpu], start: str) -> tuple[str, Gpu] | None:
    if not start.startswith(("gpu-", "mig-")):
        return None
    matches = _beginning_with(gpus, start)
    return matches[0] if len(matches) == 1 else None


def _beginning_with(gpus: Sequence[Gpu], start: str) -> list[tuple[str, Gpu]]:
    identities = [(uuid, gpu) for gpu in gpus for uuid in (gpu.uuid, *gpu.mig_uuids)]
    return [device for device in identities if device[0].lower().startswith(start)]
