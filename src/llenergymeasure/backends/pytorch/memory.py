"""Peak memory of each GPU, as torch allocated it."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger(__name__)


def reset_gpu_peaks() -> None:
    """Begin new peaks of torch's allocators; without CUDA there are none."""
    import torch

    for index in _used_gpus():
        torch.cuda.reset_peak_memory_stats(index)


def gpu_peaks() -> dict[str, int]:
    """Return bytes that torch had allocated at its peak, by device; memory of other libraries is not in it."""
    import torch

    return {f"cuda:{index}": torch.cuda.max_memory_allocated(index) for index in _used_gpus()}


def release_gpu_memory() -> None:
    """Give back what torch's allocator keeps; a GPU in an error state is left to the end of the process."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return
    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:
        logger.debug("GPU memory was not given back: %s", error)


def _used_gpus() -> list[int]:
    import torch

    if not torch.cuda.is_initialized():
        return []
    return [index for index in range(torch.cuda.device_count()) if torch.cuda.memory_reserved(index)]
