/* The simulated machine: what its spec file says, parsed. Keys are those that machine.py writes. */
#ifndef MACHINE_H
#define MACHINE_H

#include "signals.h"
#include <stdint.h>

#define MAX_GPUS 64
#define MAX_MIG 8
#define MAX_FAULTS 16
#define MAX_PROCESSES 16
#define TEXT 96

/* From `start` to `end` a sensor publishes only every `period` seconds. */
typedef struct { double start, end, period; } slow_t;
/* When a sensor publishes: every `period` seconds, give or take `jitter` (standard deviation). */
typedef struct { double period, phase, jitter; int slow_count; slow_t *slow; } updates_t;
/* A power reading: the mean over `window` seconds, or a weighted sum of such means, the newest first. */
typedef struct { int present; double window; updates_t updates; int weight_count; double *weights; } sensor_t;
typedef struct { char call[24]; int code; double start, end; long every, after, calls; } fault_t;
typedef struct { unsigned pid; unsigned long long memory; double start, end; } process_t;

/* A card, or (parent set) a MIG instance of one; the type behind nvmlDevice_t. */
struct nvmlDevice_st {
    struct nvmlDevice_st *parent;
    int index;
    char uuid[TEXT], name[TEXT], serial[TEXT];
    unsigned pci_domain, pci_bus, pci_device;
    int capability_major, capability_minor, pcie_generation, pcie_width, persistence, virtualization;
    int ecc; /* -1: not supported */
    int mig; /* -1: not supported */
    int mig_slots, mig_count, gpu_instance, compute_instance;
    struct nvmlDevice_st *mig_devices[MAX_MIG];
    unsigned long long memory_total, memory_used;
    unsigned limit_mw, default_limit_mw, min_limit_mw, max_limit_mw, max_sm_clock, max_memory_clock, memory_clock;
    signal_t power, seen_power, temperature, sm_clock, utilisation;
    int gpm_present; /* SM, tensor and DRAM activity in percent, through NVML's GPM */
    signal_t sm_activity, tensor_activity, dram_activity;
    double gpm_call; /* seconds that each reading of it takes */
    sensor_t usage, instant, average;
    double gain, offset_w, noise_w, power_freeze_at;
    uint64_t noise_seed;
    double shortest_call, longest_call; /* seconds */
    unsigned long calls;
    int counter_present;
    updates_t counter_updates;
    double counter_gain, counter_resolution_mj, counter_base_mj;
    double counter_reset_at, counter_wrap_mj, counter_freeze_at, lost_at;
    unsigned long long throttle_mask;
    double throttle_start, throttle_end;
    int fault_count, process_count;
    fault_t faults[MAX_FAULTS];
    process_t processes[MAX_PROCESSES];
};
typedef struct nvmlDevice_st device_t;

typedef struct {
    int64_t origin_ns;
    int init_error, cuda_version, gpu_count, one_call_at_a_time;
    double read_latency;
    char driver_version[TEXT], nvml_version[TEXT];
    device_t *gpus[MAX_GPUS];
} machine_t;

static machine_t machine;

static void parse_updates(updates_t *updates, char **text) {
    updates->period = next_number(text);
    updates->phase = next_number(text);
    updates->jitter = next_number(text);
    updates->slow_count = (int)next_number(text);
    updates->slow = calloc(updates->slow_count + 1, sizeof(slow_t));
    for (int i = 0; i < updates->slow_count; i++) {
        updates->slow[i].start = next_number(text);
        updates->slow[i].end = next_number(text);
        updates->slow[i].period = next_number(text);
    }
}

static void parse_sensor(sensor_t *sensor, char *text) {
    sensor->present = 1;
    sensor->window = next_number(&text);
    parse_updates(&sensor->updates, &text);
    sensor->weight_count = (int)next_number(&text);
    sensor->weights = calloc(sensor->weight_count + 1, sizeof(double));
    for (int i = 0; i < sensor->weight_count; i++) sensor->weights[i] = next_number(&text);
}

static void parse_counter(device_t *gpu, char *text) {
    gpu->counter_present = 1;
    parse_updates(&gpu->counter_updates, &text);
    gpu->counter_gain = next_number(&text);
    gpu->counter_resolution_mj = next_number(&text);
    gpu->counter_base_mj = next_number(&text);
}

static void parse_fault(device_t *gpu, char *text) {
    fault_t *fault = &gpu->faults[gpu->fault_count++];
    sscanf(text, "%23s %d %lf %lf %ld %ld", fault->call, &fault->code, &fault->start, &fault->end, &fault->every,
           &fault->after);
}

static void parse_process(device_t *gpu, char *text) {
    process_t *process = &gpu->processes[gpu->process_count++];
    sscanf(text, "%u %llu %lf %lf", &process->pid, &process->memory, &process->start, &process->end);
}

static void parse_mig_device(device_t *gpu, char *text) {
    device_t *instance = calloc(1, sizeof *instance);
    instance->parent = gpu;
    instance->index = gpu->mig_count;
    sscanf(text, "%95s %d %d", instance->uuid, &instance->gpu_instance, &instance->compute_instance);
    snprintf(instance->name, TEXT, "%.70s MIG 1g.5gb", gpu->name);
    gpu->mig_devices[gpu->mig_count++] = instance;
}

static device_t *add_gpu(void) {
    device_t *gpu = calloc(1, sizeof *gpu);
    gpu->index = machine.gpu_count;
    gpu->gain = gpu->counter_gain = 1;
    gpu->lost_at = gpu->counter_reset_at = gpu->counter_freeze_at = gpu->power_freeze_at = INFINITY;
    machine.gpus[machine.gpu_count++] = gpu;
    return gpu;
}

static int parse_machine_line(const char *key, char *text) {
    if (!strcmp(key, "origin_ns")) machine.origin_ns = strtoll(text, NULL, 10);
    else if (!strcmp(key, "init_error")) machine.init_error = atoi(text);
    else if (!strcmp(key, "cuda_version")) machine.cuda_version = atoi(text);
    else if (!strcmp(key, "read_latency_s")) machine.read_latency = atof(text);
    else if (!strcmp(key, "one_call_at_a_time")) machine.one_call_at_a_time = atoi(text);
    else if (!strcmp(key, "driver_version")) snprintf(machine.driver_version, TEXT, "%s", text);
    else if (!strcmp(key, "nvml_version")) snprintf(machine.nvml_version, TEXT, "%s", text);
    else return 0;
    return 1;
}

static int parse_identity_line(device_t *gpu, const char *key, char *text) {
    if (!strcmp(key, "uuid")) snprintf(gpu->uuid, TEXT, "%s", text);
    else if (!strcmp(key, "name")) snprintf(gpu->name, TEXT, "%s", text);
    else if (!strcmp(key, "serial")) snprintf(gpu->serial, TEXT, "%s", text);
    else if (!strcmp(key, "pci")) sscanf(text, "%u %u %u", &gpu->pci_domain, &gpu->pci_bus, &gpu->pci_device);
    else if (!strcmp(key, "capability")) sscanf(text, "%d %d", &gpu->capability_major, &gpu->capability_minor);
    else if (!strcmp(key, "pcie")) sscanf(text, "%d %d", &gpu->pcie_generation, &gpu->pcie_width);
    else if (!strcmp(key, "memory")) sscanf(text, "%llu %llu", &gpu->memory_total, &gpu->memory_used);
    else if (!strcmp(key, "persistence")) gpu->persistence = atoi(text);
    else if (!strcmp(key, "virtualization")) gpu->virtualization = atoi(text);
    else if (!strcmp(key, "ecc")) gpu->ecc = atoi(text);
    else if (!strcmp(key, "mig")) sscanf(text, "%d %d", &gpu->mig, &gpu->mig_slots);
    else if (!strcmp(key, "mig_device")) parse_mig_device(gpu, text);
    else if (!strcmp(key, "limits_mw"))
        sscanf(text, "%u %u %u %u", &gpu->limit_mw, &gpu->default_limit_mw, &gpu->min_limit_mw, &gpu->max_limit_mw);
    else if (!strcmp(key, "clocks_mhz"))
        sscanf(text, "%u %u %u", &gpu->memory_clock, &gpu->max_sm_clock, &gpu->max_memory_clock);
    else return 0;
    return 1;
}

static int parse_sensor_line(device_t *gpu, const char *key, char *text) {
    if (!strcmp(key, "power")) parse_signal(&gpu->power, text);
    else if (!strcmp(key, "seen_power")) parse_signal(&gpu->seen_power, text);
    else if (!strcmp(key, "temperature")) parse_signal(&gpu->temperature, text);
    else if (!strcmp(key, "sm_clock")) parse_signal(&gpu->sm_clock, text);
    else if (!strcmp(key, "utilisation")) parse_signal(&gpu->utilisation, text);
    else if (!strcmp(key, "sm_activity")) { parse_signal(&gpu->sm_activity, text); gpu->gpm_present = 1; }
    else if (!strcmp(key, "tensor_activity")) parse_signal(&gpu->tensor_activity, text);
    else if (!strcmp(key, "dram_activity")) parse_signal(&gpu->dram_activity, text);
    else if (!strcmp(key, "gpm_call_s")) gpu->gpm_call = atof(text);
    else if (!strcmp(key, "usage")) parse_sensor(&gpu->usage, text);
    else if (!strcmp(key, "instant")) parse_sensor(&gpu->instant, text);
    else if (!strcmp(key, "average")) parse_sensor(&gpu->average, text);
    else if (!strcmp(key, "counter")) parse_counter(gpu, text);
    else if (!strcmp(key, "gain")) gpu->gain = atof(text);
    else if (!strcmp(key, "offset_w")) gpu->offset_w = atof(text);
    else if (!strcmp(key, "noise")) sscanf(text, "%lf %lu", &gpu->noise_w, &gpu->noise_seed);
    else return 0;
    return 1;
}

static int parse_fault_line(device_t *gpu, const char *key, char *text) {
    if (!strcmp(key, "lost_at_s")) gpu->lost_at = atof(text);
    else if (!strcmp(key, "call_s")) sscanf(text, "%lf %lf", &gpu->shortest_call, &gpu->longest_call);
    else if (!strcmp(key, "counter_reset_at_s")) gpu->counter_reset_at = atof(text);
    else if (!strcmp(key, "counter_freeze_at_s")) gpu->counter_freeze_at = atof(text);
    else if (!strcmp(key, "counter_wrap_mj")) gpu->counter_wrap_mj = atof(text);
    else if (!strcmp(key, "power_freeze_at_s")) gpu->power_freeze_at = atof(text);
    else if (!strcmp(key, "throttle"))
        sscanf(text, "%llu %lf %lf", &gpu->throttle_mask, &gpu->throttle_start, &gpu->throttle_end);
    else if (!strcmp(key, "fault")) parse_fault(gpu, text);
    else if (!strcmp(key, "process")) parse_process(gpu, text);
    else return 0;
    return 1;
}

static void parse_line(device_t **gpu, char *line) {
    char *text = strchr(line, ' ');
    if (text) *text++ = 0; else text = line + strlen(line);
    if (!strcmp(line, "gpu")) *gpu = add_gpu();
    else if (!parse_machine_line(line, text) && *gpu && !parse_identity_line(*gpu, line, text) &&
             !parse_sensor_line(*gpu, line, text) && !parse_fault_line(*gpu, line, text)) {
        fprintf(stderr, "simulated NVML: unknown key '%s'\n", line);
        exit(70);
    }
}

/* Returns 0 where there is no spec: the machine has no driver then. */
static int read_machine(const char *path) {
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return 0;
    memset(&machine, 0, sizeof machine);
    device_t *gpu = NULL;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (*line) parse_line(&gpu, line);
    }
    free(line);
    fclose(file);
    return 1;
}

#endif
