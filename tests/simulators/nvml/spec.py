"""The spec file of a simulated machine: the lines that machine.h parses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulators.nvml.machine import EnergyCounter, NvmlMachine, PowerSensor, SimulatedGpu


def spec_lines(machine: NvmlMachine) -> list[str]:
    """Return the lines of the whole machine."""
    head = [
        f"origin_ns {machine.origin_monotonic_ns}",
        f"driver_version {machine.driver_version}",
        f"nvml_version {machine.nvml_version}",
        f"cuda_version {machine.cuda_version}",
        f"init_error {machine.init_error}",
        f"read_latency_s {machine.read_latency_s}",
        f"one_call_at_a_time {int(machine.one_call_at_a_time)}",
    ]
    return head + [line for gpu in machine.gpus for line in ("gpu", *_gpu_lines(gpu))]


def _gpu_lines(gpu: SimulatedGpu) -> list[str]:
    return [*_identity_lines(gpu), *_sensor_lines(gpu), *_fault_lines(gpu)]


def _identity_lines(gpu: SimulatedGpu) -> list[str]:
    milliwatts = " ".join(str(round(watts * 1000)) for watts in gpu.limits_w)
    return [
        f"name {gpu.name}",
        f"uuid {gpu.uuid}",
        f"serial {gpu.serial}",
        f"pci 0 {gpu.pci_bus} 0",
        f"capability {gpu.capability[0]} {gpu.capability[1]}",
        f"pcie {gpu.pcie[0]} {gpu.pcie[1]}",
        f"memory {gpu.memory_total} {gpu.memory_used}",
        f"persistence {int(gpu.persistence)}",
        f"virtualization {gpu.virtualization}",
        f"ecc {_switch(gpu.ecc)}",
        f"mig {_switch(gpu.mig)} 7",
        *(f"mig_device {each.uuid} {each.gpu_instance} {each.compute_instance}" for each in gpu.mig_devices),
        f"limits_mw {milliwatts}",
        f"clocks_mhz {gpu.memory_clock_mhz} {gpu.max_sm_clock_mhz} {gpu.memory_clock_mhz}",
    ]


def _sensor_lines(gpu: SimulatedGpu) -> list[str]:
    lines = [
        f"power {gpu.power.words()}",
        f"seen_power {(gpu.seen_power or gpu.power).words()}",
        f"temperature {gpu.temperature.words()}",
        f"sm_clock {gpu.sm_clock.words()}",
        f"utilisation {gpu.utilisation.words()}",
        f"gain {gpu.gain!r}",
        f"offset_w {gpu.offset_w!r}",
        f"noise {gpu.noise_w!r} {gpu.noise_seed}",
    ]
    for name in ("usage", "instant", "average"):
        sensor: PowerSensor | None = getattr(gpu, name)
        if sensor is not None:
            weights = (len(sensor.weights), *sensor.weights)
            lines.append(_words(name, sensor.window_s, *_updates(sensor), *weights))
    lines += _activity_lines(gpu)
    counter = gpu.counter
    if counter is not None:
        lines.append(
            _words("counter", *_updates(counter), counter.gain, counter.resolution_mj, counter.base_mj)
        )
    return lines


def _activity_lines(gpu: SimulatedGpu) -> list[str]:
    activity = gpu.activity
    if activity is None:
        return []
    return [
        f"sm_activity {activity.sm_pct.words()}",
        f"tensor_activity {activity.tensor_pct.words()}",
        f"dram_activity {activity.dram_pct.words()}",
        f"gpm_call_s {activity.call_s!r}",
    ]


def _updates(sensor: PowerSensor | EnergyCounter) -> list[float]:
    slow = [number for each in sensor.slow for number in (each.start_s, each.end_s, each.period_s)]
    return [sensor.period_s, sensor.phase_s, sensor.jitter_s, len(sensor.slow), *slow]


def _words(key: str, *numbers: float) -> str:
    return " ".join([key, *(repr(number) for number in numbers)])


def _fault_lines(gpu: SimulatedGpu) -> list[str]:
    lines = [
        f"lost_at_s {gpu.lost_at_s!r}",
        f"call_s {gpu.call_s[0]!r} {gpu.call_s[1]!r}",
        f"counter_reset_at_s {gpu.counter_reset_at_s!r}",
        f"counter_freeze_at_s {gpu.counter_freeze_at_s!r}",
        f"counter_wrap_mj {gpu.counter_wrap_mj or 0.0!r}",
        f"power_freeze_at_s {gpu.power_freeze_at_s!r}",
    ]
    lines += [
        f"fault {f.call} {f.code} {f.start_s!r} {f.end_s!r} {f.every} {f.after_calls}" for f in gpu.faults
    ]
    lines += [f"process {p.pid} {p.memory_bytes} {p.start_s!r} {p.end_s!r}" for p in gpu.processes]
    if gpu.throttle is not None:
        lines.append(f"throttle {gpu.throttle.mask} {gpu.throttle.start_s!r} {gpu.throttle.end_s!r}")
    return lines


def _switch(state: bool | None) -> int:
    return -1 if state is None else int(state)
