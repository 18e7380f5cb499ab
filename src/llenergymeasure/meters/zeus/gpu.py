"""One GPU as Zeus reads it, of any vendor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from llenergymeasure.domain.sample import NAN, READ_FAILED, Sample

Reader = Callable[[], int]
ATTEMPTS = 3
NO_DATA = 21
"""nvml.h: NVML_ERROR_NO_DATA, for a reading of 0: no card draws nothing."""


class ZeusGpu:
    """The sensors of a `zeus.device.gpu` object that work, determined once; Zeus gives mJ and mW."""

    def __init__(self, gpu: Any) -> None:
        from zeus.device.exception import ZeusBaseGPUError

        self._refused: type[Exception] = ZeusBaseGPUError
        counters = [gpu.get_total_energy_consumption] if self._has_counter(gpu) else []
        self._energy = self._first_working(counters)
        self._power = self._first_working([gpu.get_instant_power_usage, gpu.get_average_power_usage])
        self.has_counter = self._energy is not None
        self.is_readable = self.has_counter or self._power is not None

    def read(self, offset_ns: int) -> list[Sample]:
        """Return one sample; its error is that of the counter, or of the power where there is no counter."""
        before_ns = time.monotonic_ns()
        energy_j, error = self._attempt(self._energy)
        middle_ns = (before_ns + time.monotonic_ns()) // 2
        power_w, power_error = self._attempt(self._power)
        error = error if self.has_counter else power_error
        return [Sample(0, middle_ns + offset_ns, energy_j=energy_j, power_w=power_w, error=error)]

    def _has_counter(self, gpu: Any) -> bool:
        """Ask Zeus: of AMD cards it has compared the counter with the power, of NVIDIA it knows the architecture."""
        try:
            return bool(gpu.supports_get_total_energy_consumption())
        except self._refused:
            return True  # it does not know: try

    def _first_working(self, readers: Iterable[Reader]) -> Reader | None:
        for reader in readers:
            if any(self._attempt(reader)[1] == 0 for _ in range(ATTEMPTS)):
                return reader
        return None

    def _attempt(self, reader: Reader | None) -> tuple[float, int]:
        """Return the value in J or W and 0, or NaN and the code of the library below Zeus."""
        if reader is None:
            return NAN, NO_DATA
        try:
            value = reader()
        except self._refused as error:
            code = getattr(error.__cause__, "value", None)
            return NAN, code if isinstance(code, int) else READ_FAILED
        return (value / 1e3, 0) if value else (NAN, NO_DATA)
