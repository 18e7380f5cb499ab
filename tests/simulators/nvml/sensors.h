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

/* What is published at a moment: since when, and which of all updates it is. */
typedef struct { double since; int64_t number; } published_t;

static double update_time(const updates_t *updates, uint64_t seed, double number) {
    double at = updates->phase + number * updates->period;
    return updates->jitter > 0 ? at + updates->jitter * noise(seed, (int64_t)number) : at;
}

static published_t last_update(const updates_t *updates, uint64_t seed, double t) {
    double number = floor((t - updates->phase) / updates->period);
    if (updates->jitter > 0) number += 1;
    while (update_time(updates, seed, number) > t) number -= 1;
    return (published_t){update_time(updates, seed, number), (int64_t)number};
}

static published_t published_at(const updates_t *updates, uint64_t seed, double t) {
    for (int i = 0; i < updates->slow_count; i++) {
        const slow_t *slow = &updates->slow[i];
        if (t < slow->start || t >= slow->end) continue;
        published_t last = last_update(updates, seed, slow->start);
        double more = floor((t - last.since) / slow->period);
        return (published_t){
            last.since + more * slow->period,
            last.number + (int64_t)floor(more * slow->period / updates->period + 0.5),
        };
    }
    return last_update(updates, seed, t);
}

static double mean_power(const device_t *gpu, double window, double t) {
    const signal_t *power = &gpu->seen_power;
    return window > 0 ? (signal_integral(power, t) - signal_integral(power, t - window)) / window : signal_at(power, t);
}

static unsigned power_mw(const device_t *gpu, const sensor_t *sensor, double t) {
    published_t published = published_at(&sensor->updates, gpu->noise_seed + 1, fmin(t, gpu->power_freeze_at));
    double mean = sensor->weight_count ? 0 : mean_power(gpu, sensor->window, published.since);
    for (int i = 0; i < sensor->weight_count; i++)
        mean += sensor->weights[i] * mean_power(gpu, sensor->window, published.since - i * sensor->updates.period);
    double reading = gpu->gain * mean + gpu->offset_w;
    if (gpu->noise_w > 0) reading += gpu->noise_w * noise(gpu->noise_seed, published.number);
    return reading > 0 ? (unsigned)(reading * 1000 + 0.5) : 0;
}

static unsigned long long energy_mj(const device_t *gpu, double t) {
    double tick = published_at(&gpu->counter_updates, gpu->noise_seed + 2, fmin(t, gpu->counter_freeze_at)).since;
    double counted = gpu->counter_base_mj + gpu->counter_gain * signal_integral(&gpu->seen_power, tick) * 1000;
    if (fmin(t, gpu->counter_freeze_at) >= gpu->counter_reset_at)
        counted = gpu->counter_gain * 1000 *
            fmax(signal_integral(&gpu->seen_power, tick) - signal_integral(&gpu->seen_power, gpu->counter_reset_at), 0);
    counted = floor(counted / gpu->counter_resolution_mj) * gpu->counter_resolution_mj;
    if (gpu->counter_wrap_mj > 0) counted = fmod(counted, gpu->counter_wrap_mj);
    return counted > 0 ? (unsigned long long)counted : 0;
}

#endif
