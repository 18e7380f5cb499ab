"""The cards that a model lies on, and what they can do at most in the precision of its matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llenergymeasure.core.nvidia.peaks import GpuPeaks, Precision, find_peaks
from llenergymeasure.domain.environment import EnvironmentMetadata, GPUEnvironment
from llenergymeasure.domain.model.info import ModelInfo

DTYPES: dict[str, Precision] = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
"""By torch's name. A product of fp32 is one without tensor cores: TF32 is not allowed by torch's default."""
DEQUANTISED = (
    "gguf",
    "gptq",
    "awq",
    "bitsandbytes:nf4",
    "bitsandbytes:fp4",
    "bitsandbytes:4bit",
    "hqq",
    "eetq",
)
"""Beginnings of quantisations whose weights become the compute type before they are multiplied. Source: the methods'
documentation in transformers, "Quantization"."""
IN_FP8 = ("fp8", "fbgemm_fp8", "finegrained_fp8")
"""Those whose products are of fp8."""


@dataclass(frozen=True, kw_only=True)
class Cards:
    """Like cards that share a model. Peaks are of one card; `flops_per_s` and `bytes_per_s` are of all together."""

    name: str
    count: int
    uuids: tuple[str, ...]
    precision: Precision
    peaks: GpuPeaks
    peak_flops_per_s: float
    limits: tuple[str, ...] = ()
    """Power limits below the default, in words."""

    @property
    def flops_per_s(self) -> float:
        return self.count * self.peak_flops_per_s

    @property
    def bytes_per_s(self) -> float:
        return self.count * self.peaks.memory_bandwidth_bytes_per_s

    @property
    def ridge_flop_per_byte(self) -> float:
        """FLOPs per byte at which arithmetic takes as long as memory."""
        return self.flops_per_s / self.bytes_per_s


def cards_of(info: ModelInfo | None, hardware: EnvironmentMetadata | None) -> Cards | str:
    """Return the cards of a model with their peaks; where there are none to compare with, why."""
    if info is None or not info.devices:
        return "the backend does not state on which devices the model lies"
    gpus = _gpus_of(info, hardware)
    if isinstance(gpus, str):
        return gpus
    names = sorted({gpu.name for gpu in gpus})
    if len(names) > 1:
        return f"the model lies on unlike cards ({', '.join(names)})"
    if any(gpu.mig_enabled for gpu in gpus):
        return f"{names[0]} is cut into MIG instances, and its sheet states the rates of the whole card"
    peaks = find_peaks(names[0])
    if peaks is None:
        return f"the table of GPU peaks has no card '{names[0]}'"
    precision = compute_precision(info)
    if precision is None:
        return _why_no_precision(info)
    rate = peaks.flops_per_s(precision)
    if rate is None:
        return f"the table of GPU peaks has no dense {precision} rate of {names[0]}"
    return Cards(
        name=names[0],
        count=len(gpus),
        uuids=tuple(gpu.uuid for gpu in gpus if gpu.uuid),
        precision=precision,
        peaks=peaks,
        peak_flops_per_s=rate,
        limits=tuple(_limits(gpus)),
    )


def compute_precision(info: ModelInfo) -> Precision | None:
    """Return the precision of the matrix products; None where it is not known, or not one for all."""
    quantisation = (info.quantisation or "").lower()
    if quantisation.startswith(IN_FP8):
        return "fp8"
    if quantisation and not quantisation.startswith(DEQUANTISED):
        return None
    return DTYPES.get(info.dtype)


def _why_no_precision(info: ModelInfo) -> str:
    if info.dtype not in DTYPES:
        return f"there is no peak for products of {info.dtype}"
    return f"in which precision weights quantised by {info.quantisation} are multiplied is not known"


def _gpus_of(info: ModelInfo, hardware: EnvironmentMetadata | None) -> tuple[GPUEnvironment, ...] | str:
    others = [name for name in info.devices if not name.startswith("cuda")]
    if len(others) == len(info.devices):
        return f"the model ran on {', '.join(others)}, and the table of peaks is of GPUs"
    if others:
        return f"a part of the model lies on {', '.join(others)}"
    if hardware is None:
        return "there is no snapshot of the hardware"
    by_uuid = {gpu.uuid: gpu for gpu in hardware.gpus if gpu.uuid}
    found = [by_uuid.get(info.gpu_uuids.get(name, "")) for name in info.devices]
    known = tuple(gpu for gpu in found if gpu is not None)
    if len(known) == len(found):
        return known
    visible = tuple(gpu for gpu in hardware.gpus if gpu.visible)
    if len({gpu.name for gpu in visible}) == 1 and len(visible) >= len(found):
        return visible[: len(found)]  # of one model: whichever these are, their peaks are the same
    return f"which of the machine's GPUs {', '.join(info.devices)} are is not known"


def _limits(gpus: Sequence[GPUEnvironment]) -> list[str]:
    return [
        f"GPU {gpu.index}: power limit {gpu.power_limit_w:.0f} W, its default is {gpu.power_limit_default_w:.0f} W"
        for gpu in gpus
        if gpu.power_limit_w is not None
        and gpu.power_limit_default_w is not None
        and gpu.power_limit_w < gpu.power_limit_default_w
    ]
