"""What a simulated card's sensors say at a moment, on any clock: the twin of sensors.h, for tests without a process."""

from __future__ import annotations

import math

from tests.simulators.nvml.machine import EnergyCounter, PowerSensor, SimulatedGpu
from tests.simulators.signals import Signal

GPM_REFRESH_S = 0.1
"""nvml.h on nvmlGpmSampleGet: samples are refreshed every 100 ms."""

_MASK = (1 << 64) - 1


def power_mw(gpu: SimulatedGpu, sensor: PowerSensor, t_s: float) -> int:
    """Return the reading that stands at `t_s` seconds since the origin."""
    published_s, number = published(sensor, gpu.noise_seed + 1, min(t_s, gpu.power_freeze_at_s))
    mean_w = 0.0 if sensor.weights else _mean(gpu, sensor.window_s, published_s)
    for before, weight in enumerate(sensor.weights):
        mean_w += weight * _mean(gpu, sensor.window_s, published_s - before * sensor.period_s)
    reading = gpu.gain * mean_w + gpu.offset_w
    if gpu.noise_w > 0:
        reading += gpu.noise_w * _noise(gpu.noise_seed, number)
    return int(reading * 1000 + 0.5) if reading > 0 else 0


def energy_mj(gpu: SimulatedGpu, t_s: float) -> int:
    """Return what the energy counter shows at `t_s`; the card must have one."""
    counter = gpu.counter
    assert counter is not None
    seen = gpu.seen_power or gpu.power
    t_s = min(t_s, gpu.counter_freeze_at_s)
    tick_s, _ = published(counter, gpu.noise_seed + 2, t_s)
    counted = counter.base_mj + counter.gain * seen.integral(tick_s) * 1000
    if t_s >= gpu.counter_reset_at_s:
        since_reset = seen.integral(tick_s) - seen.integral(gpu.counter_reset_at_s)
        counted = counter.gain * 1000 * max(since_reset, 0.0)
    counted = math.floor(counted / counter.resolution_mj) * counter.resolution_mj
    if gpu.counter_wrap_mj:
        counted = math.fmod(counted, gpu.counter_wrap_mj)
    return max(int(counted), 0)


def activity_pct(signal: Signal, start_s: float, end_s: float) -> float:
    """Return what GPM says of a quantity between two samples of its counters, which move every 100 ms."""
    first_s, last_s = (math.floor(at_s / GPM_REFRESH_S) * GPM_REFRESH_S for at_s in (start_s, end_s))
    return (signal.integral(last_s) - signal.integral(first_s)) / (last_s - first_s)


def published(sensor: PowerSensor | EnergyCounter, seed: int, t_s: float) -> tuple[float, int]:
    """Return when the sensor published what it shows at `t_s`, and which of all updates that is."""
    for slow in sensor.slow:
        if slow.start_s <= t_s < slow.end_s:
            last_s, number = _last_update(sensor, seed, slow.start_s)
            more = math.floor((t_s - last_s) / slow.period_s)
            return last_s + more * slow.period_s, number + math.floor(
                more * slow.period_s / sensor.period_s + 0.5
            )
    return _last_update(sensor, seed, t_s)


def _last_update(sensor: PowerSensor | EnergyCounter, seed: int, t_s: float) -> tuple[float, int]:
    number = math.floor((t_s - sensor.phase_s) / sensor.period_s)
    if sensor.jitter_s > 0:
        number += 1
    while _update_time(sensor, seed, number) > t_s:
        number -= 1
    return _update_time(sensor, seed, number), number


def _update_time(sensor: PowerSensor | EnergyCounter, seed: int, number: int) -> float:
    at_s = sensor.phase_s + number * sensor.period_s
    return at_s + sensor.jitter_s * _noise(seed, number) if sensor.jitter_s > 0 else at_s


def _mean(gpu: SimulatedGpu, window_s: float, t_s: float) -> float:
    seen = gpu.seen_power or gpu.power
    if window_s <= 0:
        return seen.at(t_s)
    return (seen.integral(t_s) - seen.integral(t_s - window_s)) / window_s


def _noise(seed: int, index: int) -> float:
    z = (seed + index * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return ((z >> 11) / 9007199254740992.0 * 2 - 1) * 1.7320508075688772
