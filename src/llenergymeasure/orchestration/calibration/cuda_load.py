"""The known load of GPUs: matrix products on every CUDA device that this process sees."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from llenergymeasure.exceptions import BackendError

SIZE = 4096
CHUNK_S = 0.005
"""Work that is queued at once; two such chunks wait on each device, so that it never starves."""
AHEAD = 2
TRIAL_PRODUCTS = 10


class CudaLoad:
    """Products of matrices in half precision, back to back, on all devices at once.

    Raises:
        BackendError: torch is missing or sees no device.
    """

    def __init__(self) -> None:
        self._devices = [_Device(index) for index in range(_device_count())]
        self.description = (
            f"torch matrix products, {SIZE} x {SIZE}, float16, on {len(self._devices)} CUDA device(s)"
        )
        self.run(1.0)

    def run(self, seconds: float) -> None:
        """Queue products on every device for so long, asleep between chunks, and wait until all have ended."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            for device in self._devices:
                device.queue()
            for device in self._devices:
                device.wait(AHEAD)
        for device in self._devices:
            device.wait(0)


class _Device:
    """One device, its matrices, and the events behind the chunks that are queued on it."""

    def __init__(self, index: int) -> None:
        import torch

        self._device = torch.device("cuda", index)
        self._left = torch.randn(SIZE, SIZE, device=self._device, dtype=torch.float16)
        self._product = torch.empty_like(self._left)
        self._queued: deque[Any] = deque()
        self._products = TRIAL_PRODUCTS
        self._products = max(1, round(CHUNK_S / self._seconds_per_product()))

    def queue(self) -> None:
        import torch

        with torch.cuda.device(self._device):
            for _ in range(self._products):
                torch.mm(self._left, self._left, out=self._product)
            ended = torch.cuda.Event(blocking=True)
            ended.record()
        self._queued.append(ended)

    def wait(self, left: int) -> None:
        """Wait until no more than `left` chunks are queued; the event blocks, it does not spin."""
        while len(self._queued) > left:
            self._queued.popleft().synchronize()

    def _seconds_per_product(self) -> float:
        self.queue()
        self.wait(0)
        started_s = time.monotonic()
        self.queue()
        self.wait(0)
        return (time.monotonic() - started_s) / TRIAL_PRODUCTS


def _device_count() -> int:
    try:
        import torch
    except ImportError:
        raise BackendError(
            "the known load of a GPU needs torch → pip install 'llenergymeasure[pytorch]'"
        ) from None
    count = int(torch.cuda.device_count())
    if count == 0:
        raise BackendError(
            "torch sees no CUDA device to put a load on: see `llem doctor`, or calibrate other meters, "
            "e.g. llem calibrate --meters rapl"
        )
    return count
