"""What a simulated card's sensors say at a moment, on any clock: the twin of sensors.h, for tests without a process."""

from __future__ import annotations

import math

from tests.simulators.nvml.machine import PowerSensor, SimulatedGpu

_MASK = (1 << 64) - 1


def power_mw(gpu: SimulatedGpu, sensor: PowerSensor, t_s: float) -> int:
    """Return the reading that stands at `t_s` seconds since the origin."""
    index = math.floor((min(t_s, gpu.power_freeze_at_s) - sensor.phase_s) / sensor.period_s)
    published_s = sensor.phase_s + index * sensor.period_s
    reading = gpu.gain * _mean(gpu, sensor, published_s) + gpu.offset_w
    if gpu.noise_w > 0:
        reading += gpu.noise_w * _noise(gpu.noise_seed, index)
    return int(reading * 1000 + 0.5) if reading > 0 else 0


def energy_mj(gpu: SimulatedGpu, t_s: float) -> int:
    """Return what the energy counter shows at `t_s`; the card must have one."""
    counter = gpu.counter
    assert counter is not None
    t_s = min(t_s, gpu.counter_freeze_at_s)
    tick_s = counter.phase_s + math.floor((t_s - counter.phase_s) / counter.period_s) * counter.period_s
    counted = counter.base_mj + counter.gain * gpu.power.integral(tick_s) * 1000
    if t_s >= gpu.counter_reset_at_s:
        since_reset = gpu.power.integral(tick_s) - gpu.power.integral(gpu.counter_reset_at_s)
        counted = counter.gain * 1000 * max(since_reset, 0.0)
    counted = math.floor(counted / counter.resolution_mj) * counter.resolution_mj
    if gpu.counter_wrap_mj:
        counted = math.fmod(counted, gpu.counter_wrap_mj)
    return max(int(counted), 0)


def _mean(gpu: SimulatedGpu, sensor: PowerSensor, t_s: float) -> float:
    if sensor.window_s <= 0:
        return gpu.power.at(t_s)
    return (gpu.power.integral(t_s) - gpu.power.integral(t_s - sensor.window_s)) / sensor.window_s


def _noise(seed: int, index: int) -> float:
    z = (seed + index * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return ((z >> 11) / 9007199254740992.0 * 2 - 1) * 1.7320508075688772
