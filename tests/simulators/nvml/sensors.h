/* What the sensors of a card say at a moment: the twin of sensors.py. Times in seconds since the origin. */
#ifndef SENSORS_H
#define SENSORS_H

#include "machine.h"
#include <time.h>

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - machine.origin_ns) / 1e9;
}

/* Uniform with standard deviation 1, the same for the same published value. */
static double noise(uint64_t seed, int64_t index) {
    uint64_t z = seed + (uint64_t)index * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    return ((double)(z >> 11) / 9007199254740992.0 * 2 - 1) * 1.7320508075688772;
}

static unsigned power_mw(const device_t *gpu, const sensor_t *sensor, double t) {
    double index = floor((fmin(t, gpu->power_freeze_at) - sensor->phase) / sensor->period);
    double published = sensor->phase + index * sensor->period;
    double mean = sensor->window > 0
        ? (signal_integral(&gpu->power, published) - signal_integral(&gpu->power, published - sensor->window)) / sensor->window
        : signal_at(&gpu->power, published);
    double reading = gpu->gain * mean + gpu->offset_w;
    if (gpu->noise_w > 0) reading += gpu->noise_w * noise(gpu->noise_seed, (int64_t)index);
    return reading > 0 ? (unsigned)(reading * 1000 + 0.5) : 0;
}

static unsigned long long energy_mj(const device_t *gpu, double t) {
    t = fmin(t, gpu->counter_freeze_at);
    double index = floor((t - gpu->counter_phase) / gpu->counter_period);
    double tick = gpu->counter_phase + index * gpu->counter_period;
    double counted = gpu->counter_base_mj + gpu->counter_gain * signal_integral(&gpu->power, tick) * 1000;
    if (t >= gpu->counter_reset_at)
        counted = gpu->counter_gain * 1000 *
            fmax(signal_integral(&gpu->power, tick) - signal_integral(&gpu->power, gpu->counter_reset_at), 0);
    counted = floor(counted / gpu->counter_resolution_mj) * gpu->counter_resolution_mj;
    if (gpu->counter_wrap_mj > 0) counted = fmod(counted, gpu->counter_wrap_mj);
    return counted > 0 ? (unsigned long long)counted : 0;
}

#endif
