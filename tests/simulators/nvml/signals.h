/* True quantities over time, with their exact integral: the twin of tests/simulators/signals.py. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int square; /* 1: square wave; 0: steps */
    double low, high, period, duty, phase;
    double base;
    int count;
    double *at, *value, *integral;
} signal_t;

static double square_since_phase(const signal_t *s, double t) {
    double cycles = (t - s->phase) / s->period, whole = floor(cycles), rest = cycles - whole;
    double per_cycle = s->duty * s->high + (1 - s->duty) * s->low;
    return (whole * per_cycle + fmin(rest, s->duty) * s->high + fmax(rest - s->duty, 0) * s->low) * s->period;
}

/* Number of steps that have begun by t. */
static int steps_begun(const signal_t *s, double t) {
    int from = 0, to = s->count;
    while (from < to) {
        int middle = (from + to) / 2;
        if (s->at[middle] <= t) from = middle + 1; else to = middle;
    }
    return from;
}

static double signal_at(const signal_t *s, double t) {
    if (s->square) {
        double cycles = (t - s->phase) / s->period;
        return cycles - floor(cycles) < s->duty ? s->high : s->low;
    }
    int begun = steps_begun(s, t);
    return begun ? s->value[begun - 1] : s->base;
}

static double signal_integral(const signal_t *s, double t) {
    if (s->square) return square_since_phase(s, t) - square_since_phase(s, 0);
    int begun = steps_begun(s, t);
    if (!begun) return s->base * t;
    return s->integral[begun - 1] + s->value[begun - 1] * (t - s->at[begun - 1]);
}

static double next_number(char **text) {
    char *end;
    double number = strtod(*text, &end);
    if (end == *text) {
        fprintf(stderr, "simulated NVML: a number is missing at '%s'\n", *text);
        exit(70);
    }
    *text = end;
    return number;
}

static void parse_steps(signal_t *s, char *text) {
    s->base = next_number(&text);
    s->count = (int)next_number(&text);
    s->at = calloc(s->count + 1, sizeof(double));
    s->value = calloc(s->count + 1, sizeof(double));
    s->integral = calloc(s->count + 1, sizeof(double));
    double value = s->base, since = 0, total = 0;
    for (int i = 0; i < s->count; i++) {
        s->at[i] = next_number(&text);
        s->value[i] = next_number(&text);
        total += value * (s->at[i] - since);
        s->integral[i] = total;
        value = s->value[i];
        since = s->at[i];
    }
}

static void parse_signal(signal_t *s, char *text) {
    memset(s, 0, sizeof *s);
    if (strncmp(text, "square ", 7) == 0) {
        s->square = 1;
        text += 7;
        s->low = next_number(&text);
        s->high = next_number(&text);
        s->period = next_number(&text);
        s->duty = next_number(&text);
        s->phase = next_number(&text);
    } else {
        parse_steps(s, text + strlen("steps "));
    }
}

#endif
