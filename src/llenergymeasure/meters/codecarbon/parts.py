"""The pieces of hardware that CodeCarbon reads or estimates, each with its energy since the meter was opened."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.core.nvidia.nvml import Gpu, list_gpus
from llenergymeasure.domain.sample import READ_FAILED, SOURCE_STILL, Sample
from llenergymeasure.domain.trace import Channel, ChannelMethod, Domain, LeftOut
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.codecarbon.hardware import detect_hardware
from llenergymeasure.meters.cpu_time import Pace, cpu_times, stat_path
from llenergymeasure.meters.gpu_choice import ChosenGpus, choose_gpus, gpu_channel
from llenergymeasure.meters.rapl import zones
from llenergymeasure.meters.sampling.overlap import WHOLE

logger = logging.getLogger(__name__)

J_PER_KWH = 3.6e6
ESTIMATE_ERROR = 0.5
"""Estimates of this kind were seen 40 % off a wall meter (arXiv 2509.22092)."""
CHIP_ERROR = 0.10
"""Assumed, for power that a chip reports of itself."""
ORDER: tuple[Domain, ...] = ("gpu", "cpu", "dram")
CHIP_PARTS: dict[str, Domain] = {"CPU": "cpu", "GPU": "gpu", "RAM": "dram"}

Advance = Callable[[float], tuple[float, float]]
"""From the seconds since the last call to the joules in that time and the watts."""


class Part:
    """One channel, and how CodeCarbon advances it."""

    def __init__(self, channel: Channel, advance: Advance) -> None:
        self.channel = channel
        self._advance = advance
        self._energy_j = 0.0
        self._last_ns = time.monotonic_ns()

    def read(self, index: int, offset_ns: int) -> Sample:
        """Return the next sample; what fails is made up for by the next reading that does not.

        A power of 0 is an error: CodeCarbon shows a sensor that fails as one that draws nothing.
        """
        before_ns = time.monotonic_ns()
        try:
            energy_j, power_w = self._advance((before_ns - self._last_ns) / 1e9)
        except Exception as error:  # noqa: BLE001 - other people's code; one part that fails must not end the others
            logger.debug("CodeCarbon did not read %s: %r", self.channel.label, error)
            return Sample(index, before_ns + offset_ns, error=READ_FAILED)
        middle_ns = (before_ns + time.monotonic_ns()) // 2 + offset_ns
        self._last_ns = before_ns
        self._energy_j += energy_j
        return self._sample(index, middle_ns, power_w)

    def _sample(self, index: int, t_unix_ns: int, power_w: float) -> Sample:
        if self.channel.method == "estimated":
            return Sample(index, t_unix_ns, energy_j=self._energy_j, power_w=power_w)
        if self.channel.method == "counter":
            # its power is made from the counter, and beside it would only seem to confirm it
            return Sample(index, t_unix_ns, energy_j=self._energy_j)
        return (
            Sample(index, t_unix_ns, power_w=power_w)
            if power_w
            else Sample(index, t_unix_ns, error=READ_FAILED)
        )


class LoadPart(Part):
    """A part whose power follows the load of the CPU; unknown where the CPU time stands still.

    CodeCarbon takes a /proc/stat that never moves for an idle machine.
    """

    def __init__(self, channel: Channel, advance: Advance, stat: str) -> None:
        """Look whether the CPU time moves.

        Raises:
            MeterUnavailable: this system does not report it.
        """
        super().__init__(channel, advance)
        self._stat = stat
        self._pace = Pace(stat, AnchoredClock(offset_ns=0))

    def read(self, index: int, offset_ns: int) -> Sample:
        now_ns, was_still = time.monotonic_ns(), self._pace.is_still
        try:
            is_still = self._pace.look(now_ns, cpu_times(self._stat)[1])
        except MeterUnavailable:
            return Sample(index, now_ns + offset_ns, error=READ_FAILED)
        if is_still:
            return Sample(index, now_ns + offset_ns, error=SOURCE_STILL)
        if was_still:  # the time before is unknown: a counter that begins again says so
            self._energy_j, self._last_ns = 0.0, now_ns
        return super().read(index, offset_ns)


def find_parts(options: MeterOptions) -> tuple[tuple[Part, ...], tuple[LeftOut, ...]]:
    """Return all that CodeCarbon finds, of GPUs those that the run uses, and the GPUs that do not answer.

    Raises:
        MeterUnavailable: it fails, or would leave out a GPU.
    """
    chosen = _nvidia_gpus(options)
    gpus, caveat = (None, None) if chosen is None else (chosen.gpus, chosen.caveat)
    hardware = detect_hardware(None if gpus is None else [gpu.index for gpu in gpus])
    parts = [part for each in hardware for part in _parts(each, gpus, caveat)]
    _check_complete(parts, gpus or ())
    ordered = tuple(sorted(parts, key=lambda part: ORDER.index(part.channel.domain)))
    return ordered, () if chosen is None else chosen.left_out


def _nvidia_gpus(options: MeterOptions) -> ChosenGpus | None:
    """Return the cards of the run; None where there is no NVIDIA driver or card."""
    try:
        return choose_gpus(options, "codecarbon")
    except MeterUnavailable:
        if options.gpu_uuids is not None:
            raise
    try:
        return ChosenGpus(gpus=()) if list_gpus() else None
    except MeterUnavailable:
        return None


def _check_complete(parts: Sequence[Part], gpus: Sequence[Gpu]) -> None:
    read = {part.channel.device for part in parts}
    missing = [gpu for gpu in gpus if gpu.uuid not in read]
    if missing:
        raise MeterUnavailable(
            f"CodeCarbon would leave out {len(missing)} of {len(gpus)} NVIDIA GPUs: it looks for them only where "
            "the command nvidia-smi works",
            'export PATH="$PATH:/usr/bin"  # the folder of nvidia-smi; '
            "in a container: -e NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        )


def _parts(hardware: Any, gpus: Sequence[Gpu] | None, caveat: str | None) -> Iterable[Part]:
    kind = type(hardware).__name__
    if kind == "GPU":
        return [_gpu(device, gpu, caveat) for device, gpu in _devices(hardware, gpus)]
    if kind == "RAM":
        return [Part(_memory_channel(hardware), partial(_advance, hardware))]
    if kind == "CPU":
        return [_cpu(hardware)]
    return [Part(_chip_channel(hardware), partial(_advance, hardware))]


def _cpu(hardware: Any) -> Part:
    channel, advance = _cpu_channel(hardware), partial(_advance, hardware)
    if hardware._mode == "cpu_load":
        try:
            return LoadPart(channel, advance, stat_path())
        except MeterUnavailable as error:  # not Linux: CodeCarbon asks the system in another way
            logger.debug("the pace of the CPU time is unknown: %s", error)
    return Part(channel, advance)


def _devices(hardware: Any, gpus: Sequence[Gpu] | None) -> Iterable[tuple[Any, Gpu]]:
    """Return the devices to read; AMD's only where there is no NVIDIA driver: the numbers of both would be mixed up."""
    wanted = {gpu.uuid: gpu for gpu in gpus or ()}
    for device in hardware.devices.devices:
        known = device.get_static_details()
        if known["uuid"] in wanted:
            yield device, wanted[known["uuid"]]
        elif (
            gpus is None
            and device.gpu_index in hardware.gpu_ids
            and not device._reports_zero_power_by_design()
        ):
            yield device, Gpu(index=device.gpu_index, uuid=known["uuid"], name=known["name"], pci_bus_id="")


def _gpu(device: Any, gpu: Gpu, caveat: str | None) -> Part:
    has_counter = device.last_energy is not None
    return Part(gpu_channel("codecarbon", gpu, has_counter, caveat), partial(_advance_gpu, device))


def _advance_gpu(device: Any, elapsed_s: float) -> tuple[float, float]:
    from codecarbon.core.units import Time

    delta = device.delta(Time.from_seconds(elapsed_s))
    return delta["delta_energy_consumption"].kWh * J_PER_KWH, delta["power_usage"].W


def _advance(hardware: Any, elapsed_s: float) -> tuple[float, float]:
    power, energy = hardware.measure_power_and_energy(elapsed_s)
    return energy.kWh * J_PER_KWH, power.W


def _memory_channel(hardware: Any) -> Channel:
    watts, gigabytes = hardware.total_power().W, hardware.machine_memory_GB
    note = f"CodeCarbon's constant of {watts:.0f} W for {gigabytes:.0f} GB of memory, whatever it does"
    return _channel("dram", "Memory (CodeCarbon)", "estimated", note)


def _cpu_channel(hardware: Any) -> Channel:
    mode, full = hardware._mode, f"{hardware._tdp:g} W ({hardware.get_model()})"
    if mode == "intel_rapl":
        return _channel(
            "cpu", "CPU packages (CodeCarbon)", "counter", "the sum of all packages, without memory"
        )
    if mode not in ("cpu_load", "constant"):
        return _channel("cpu", "CPU (CodeCarbon)", "sampled", f"CodeCarbon's mode {mode}")
    model = f"{full} scaled with the CPU load" if mode == "cpu_load" else f"half of {full}, whatever the load"
    return _channel(
        "cpu", "CPU (CodeCarbon)", "estimated", f"CodeCarbon's model for the whole machine: {model}"
    )


def _chip_channel(hardware: Any) -> Channel:
    part = hardware.chip_part
    return _channel(
        CHIP_PARTS[part], f"{part} of the chip (CodeCarbon)", "sampled", f"{hardware.get_model()}"
    )


def _channel(domain: Domain, label: str, method: ChannelMethod, note: str) -> Channel:
    errors: dict[ChannelMethod, float] = {
        "counter": zones.RELATIVE_ERROR["package"],
        "sampled": CHIP_ERROR,
        "estimated": ESTIMATE_ERROR,
    }
    periods: dict[ChannelMethod, float | None] = {
        "counter": zones.UPDATE_PERIOD_S,
        "sampled": None,
        "estimated": 0.0,
    }
    return Channel(
        meter="codecarbon",
        domain=domain,
        device=WHOLE,
        label=label,
        method=method,
        update_period_s=periods[method],
        relative_error=errors[method],
        note=note,
    )
