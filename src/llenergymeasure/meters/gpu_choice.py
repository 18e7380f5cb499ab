"""Which NVIDIA cards a meter reads, and the channel of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llenergymeasure.core.nvidia.nvml import Gpu, find_gpus, replaced_library
from llenergymeasure.core.nvidia.visible import is_order_known, ordinal_caveat, select_visible
from llenergymeasure.domain.trace import Channel, LeftOut, Scope
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions

RELATIVE_ERROR = 0.05
"""Gain differs by up to 5 % from board to board (Yang, Adamek, Armour, arXiv 2312.02741)."""
LINEARITY, LINEARITY_W = 0.0025, 0.75
"""Readings of RTX 3090 and RTX 4090 lie 0.2 to 0.5 %, or 0.3 to 1 W, off a straight line of an external meter's
(data of the same paper)."""
OFFSET_ERROR_W = 5.0
"""The manual of nvidia-smi states its power to be accurate to within 5 W."""
ERROR_IN_COMMON = 0.8
"""Three Ampere boards read 4 to 6.5 % low beside one power meter (data of the same paper): so most of the error may be
that of a design. A judgement: 4 % in common and 3 % of each board, in quadrature the 5 % of one."""

WHOLE_CARD = "the whole card: its MIG instances have no meter of their own"


@dataclass(frozen=True, kw_only=True)
class ChosenGpus:
    """The cards of a run, each once. `caveat` is what is uncertain about the choice, `left_out` the silent ones."""

    gpus: tuple[Gpu, ...]
    caveat: str | None = None
    left_out: tuple[LeftOut, ...] = ()


def choose_gpus(options: MeterOptions, meter: str) -> ChosenGpus:
    """Return the cards that were asked for, else those that CUDA_VISIBLE_DEVICES lets through.

    Raises:
        MeterUnavailable: no driver, no card that answers, or not the one that was asked for.
    """
    gpus = find_gpus()
    if not gpus:
        raise MeterUnavailable("the NVIDIA driver shows no GPU", "nvidia-smi -L  # what the driver sees")
    if options.gpu_uuids is not None:
        return ChosenGpus(gpus=tuple(dict.fromkeys(_by_uuid(gpus, uuid) for uuid in options.gpu_uuids)))
    visible = select_visible(gpus, os.environ)
    if not visible:
        raise _all_hidden(len(gpus), os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    if is_order_known(gpus, os.environ):
        visible = tuple(replace(gpu, ordinal=ordinal) for ordinal, gpu in enumerate(visible))
    answering = tuple(gpu for gpu in visible if gpu.fault is None)
    silent = tuple(left_out_gpu(meter, gpu, gpu.fault) for gpu in visible if gpu.fault is not None)
    if not answering:
        raise MeterUnavailable(silent[0].reason, silent[0].remedy)
    return ChosenGpus(gpus=answering, caveat=ordinal_caveat(gpus, os.environ), left_out=silent)


def _all_hidden(n_gpus: int, value: str) -> MeterUnavailable:
    first = value.split(",")[0].strip()
    if first.lower().startswith(("gpu-", "mig-")):
        return MeterUnavailable(
            f"CUDA_VISIBLE_DEVICES='{value}' begins with {first}, which names no GPU of this machine, or several",
            "nvidia-smi -L  # the UUIDs of this machine",
        )
    return MeterUnavailable(
        f"CUDA_VISIBLE_DEVICES='{value}' hides all {n_gpus} GPUs of this machine",
        "unset CUDA_VISIBLE_DEVICES",
    )


def left_out_gpu(meter: str, gpu: Gpu, reason: str) -> LeftOut:
    """Return a card that is not read."""
    return LeftOut(
        meter=meter,
        domain="gpu",
        device=gpu.uuid,
        label=gpu_label(gpu),
        reason=reason,
        remedy="nvidia-smi and dmesg | grep -i xid say what happened; reset the card, or leave it out with "
        "CUDA_VISIBLE_DEVICES",
        ordinal=gpu.ordinal,
    )


def gpu_channel(
    meter: str, gpu: Gpu, has_counter: bool, *notes: str | None, scope: Scope = "device"
) -> Channel:
    """Return the channel of a card under its UUID, whichever meter reads it; `notes` that are None are left out."""
    library = replaced_library(os.environ)
    texts = [
        WHOLE_CARD if gpu.mig_enabled else None,
        None if has_counter else "no energy counter: integrated from power readings",
        *notes,
        f"read through {library}, not the system's NVML" if library else None,
    ]
    return Channel(
        meter=meter,
        domain="gpu",
        device=gpu.uuid,
        label=gpu_label(gpu),
        ordinal=gpu.ordinal,
        method="counter" if has_counter else "sampled",
        relative_error=RELATIVE_ERROR,
        linearity=LINEARITY,
        linearity_w=LINEARITY_W,
        offset_error_w=OFFSET_ERROR_W,
        error_in_common=ERROR_IN_COMMON,
        scope="shared_card" if gpu.mig_enabled else scope,
        read_from=library,
        note="; ".join(note for note in texts if note) or None,
    )


def gpu_label(gpu: Gpu) -> str:
    """Return the name of the card in texts."""
    return f"GPU {gpu.index} ({gpu.name})"


def _by_uuid(gpus: Sequence[Gpu], uuid: str) -> Gpu:
    for gpu in gpus:
        if uuid in (gpu.uuid, *gpu.mig_uuids):
            return gpu
    raise MeterUnavailable(f"there is no GPU {uuid}", "nvidia-smi -L  # the UUIDs of this machine")
