"""The sensors of one NVIDIA card: those that work are determined once, when it is opened."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from llenergymeasure.core.nvidia.binding import FOREIGN, UNKNOWN, NVMLError
from llenergymeasure.core.nvidia.nvml import Gpu
from llenergymeasure.domain.sample import NAN, UNKNOWN_REASONS, Sample
from llenergymeasure.domain.trace import Scope
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.gpu_choice import gpu_channel, gpu_label
from llenergymeasure.meters.nvml.activity import NOT_ASKED, open_activity
from llenergymeasure.meters.nvml.power import NO_DATA, Reader, not_blank, power_readings

ATTEMPTS = 3
FAST_AVERAGE_S = 0.01
"""Sensors that average over 10 ms publish every 20 ms, others every 100 ms (arXiv 2312.02741)."""
STATE_EVERY = 10
"""Temperature, clocks, utilisation and throttle reasons change slowly: each is read on every tenth reading only."""
VGPU = 2
"""nvml.h: NVML_GPU_VIRTUALIZATION_MODE_VGPU, a guest on a shared card."""


class Card:
    """One open card; `channel` says what its samples are. It can be read by itself, also while others are.

    Raises:
        MeterUnavailable: it reports neither energy nor power.
    """

    name: ClassVar[str] = "nvml"
    period_s: float = 0.02

    def __init__(
        self, pynvml: Any, gpu: Gpu, caveat: str | None = None, *, with_activity: bool = True
    ) -> None:
        try:
            handle = pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
        except NVMLError as error:
            raise MeterUnavailable(f"{gpu_label(gpu)} does not answer: {error}") from None
        self._energy_j = self._first_working([_energy_reader(pynvml, handle)])
        readings = power_readings(pynvml, handle, alone=self._energy_j is None)
        self._power_w = self._first_working([reading.read for reading in readings])
        if self._energy_j is None and self._power_w is None:
            raise MeterUnavailable(
                f"{gpu_label(gpu)} reports neither energy nor power",
                "leave it out with CUDA_VISIBLE_DEVICES, or name other meters in energy.meters",
            )
        self._state = tuple(self._working_state(_state_readers(pynvml, handle)).items())
        self.turn = 0
        """How many samples were taken; other cards begin with other numbers, so that no reading of all is long."""
        virtual = self._attempt(lambda: pynvml.nvmlDeviceGetVirtualizationMode(handle))[0] == VGPU
        shared = "a virtual GPU: the card's other guests may be included" if virtual else None
        scope: Scope = "shared_card" if virtual else "device"
        channel = gpu_channel(self.name, gpu, self._energy_j is not None, shared, caveat, scope=scope)
        averages_s = [each.averaging_window_s for each in readings if each.read is self._power_w]
        activity = open_activity(pynvml, handle, gpu) if with_activity else NOT_ASKED
        self.activity = None if isinstance(activity, str) else activity
        """Whoever opens the card has it read: see `ActivityReader`."""
        self.channel = channel.model_copy(
            update={
                "averaging_window_s": next(iter(averages_s), None),
                "activity_unknown": activity if isinstance(activity, str) else None,
            }
        )

    @property
    def publishes_fast(self) -> bool:
        """Whether energy rests on readings that are published more often than the usual ones."""
        averages_s = self.channel.averaging_window_s
        return self._energy_j is None and averages_s is not None and averages_s <= FAST_AVERAGE_S

    def read(self, offset_ns: int) -> list[Sample]:
        """Return one sample, of channel 0."""
        return [self.sample(0, offset_ns)]

    def sample(self, index: int, offset_ns: int) -> Sample:
        """Return one sample; its time is the middle of the read that the channel's method stands for.

        Its `error` is the NVML code with which that read failed; where only the power beside a counter fails, power is
        merely not known. Each quantity of its state is read once in `STATE_EVERY` samples, at most one in each.
        """
        before_ns = time.monotonic_ns()
        main_value, error = self._attempt(self._energy_j or self._power_w)
        middle_ns = (before_ns + time.monotonic_ns()) // 2
        power_w = self._attempt(self._power_w)[0] if self._energy_j else main_value
        state = self._state_due()
        reasons = state.pop("throttle_reasons", NAN)
        activity = self.activity.take() if self.activity else None
        return Sample(
            channel=index,
            t_unix_ns=middle_ns + offset_ns,
            energy_j=main_value if self._energy_j else NAN,
            power_w=power_w,
            throttle_reasons=UNKNOWN_REASONS if math.isnan(reasons) else int(reasons),
            error=error,
            **state,
            **(activity._asdict() if activity else {}),
        )

    def _state_due(self) -> dict[str, float]:
        """Return the quantity whose turn it is, if any: no single reading is much longer than the others."""
        at = self.turn % STATE_EVERY
        self.turn += 1
        return {name: self._attempt(reader)[0] for name, reader in self._state[at : at + 1]}

    def _first_working(self, readers: Iterable[Reader]) -> Reader | None:
        for reader in readers:
            if any(self._attempt(reader)[1] == 0 for _ in range(ATTEMPTS)):
                return reader
        return None

    def _working_state(self, readers: dict[str, Sequence[Reader]]) -> dict[str, Reader]:
        working = {name: self._first_working(candidates) for name, candidates in readers.items()}
        return {name: reader for name, reader in working.items() if reader is not None}

    def _attempt(self, reader: Reader | None) -> tuple[float, int]:
        """Return the value and 0, or NaN and the NVML code."""
        if reader is None:
            return NAN, NO_DATA
        try:
            return reader(), 0
        except NVMLError as error:
            return NAN, error.value
        except FOREIGN:
            return NAN, UNKNOWN


def _energy_reader(pynvml: Any, handle: Any) -> Reader:
    def read() -> float:
        return not_blank(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3

    return read


def _state_readers(pynvml: Any, handle: Any) -> dict[str, Sequence[Reader]]:
    """Return the ways to read each quantity; which of two names works depends on driver and binding."""

    def calls(*names: str, of: int | None = None) -> list[Reader]:
        arguments = (handle,) if of is None else (handle, of)
        return [partial(getattr(pynvml, name), *arguments) for name in names]

    def positive(readers: Sequence[Reader]) -> list[Reader]:
        return [partial(_positive, reader) for reader in readers]

    return {
        "temperature_c": positive(
            calls("nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV", of=pynvml.NVML_TEMPERATURE_GPU)
        ),
        "sm_clock_mhz": positive(calls("nvmlDeviceGetClockInfo", of=pynvml.NVML_CLOCK_SM)),
        "memory_clock_mhz": positive(calls("nvmlDeviceGetClockInfo", of=pynvml.NVML_CLOCK_MEM)),
        "utilisation_pct": [lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu],
        "throttle_reasons": calls(
            "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
        ),
    }


def _positive(reader: Reader) -> float:
    """Return a temperature or a clock; 0 is what a sensor without a reading shows."""
    value = reader()
    if value <= 0:
        raise NVMLError(NO_DATA)
    return value
