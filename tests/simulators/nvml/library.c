/* A libnvidia-ml.so.1 without hardware: answers from a spec file, with known power over time.
 *
 * The file is named by LLEM_SIMULATED_NVML and read when the first user initialises the library. Entry points are
 * those that nvidia-ml-py calls to identify, describe and meter a card; any other fails with FUNCTION_NOT_FOUND.
 */
#define _GNU_SOURCE
#include <nvml.h>
#include "sensors.h"
#include <pthread.h>

static int users;

static nvmlReturn_t start(void) {
    if (users == 0 && !read_machine(getenv("LLEM_SIMULATED_NVML"))) return NVML_ERROR_DRIVER_NOT_LOADED;
    if (machine.init_error) return (nvmlReturn_t)machine.init_error;
    users++;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return start(); }
nvmlReturn_t nvmlInitWithFlags(unsigned int flags) { (void)flags; return start(); }

nvmlReturn_t nvmlShutdown(void) {
    if (users == 0) return NVML_ERROR_UNINITIALIZED;
    users--;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
    case NVML_SUCCESS: return "The operation was successful";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT: return "Timeout";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
    case NVML_ERROR_NO_DATA: return "No data";
    default: return "Unknown Error";
    }
}

/* ---- what every call goes through ---- */

typedef struct { nvmlReturn_t status; int blank; double t; } answer_t;

static int in_force(fault_t *fault, const char *call, double t) {
    if (strcmp(fault->call, call) && strcmp(fault->call, "all")) return 0;
    if (t < fault->start || t >= fault->end) return 0;
    long earlier = fault->calls++ - fault->after;
    return earlier >= 0 && earlier % fault->every == 0;
}

static pthread_mutex_t driver = PTHREAD_MUTEX_INITIALIZER;

/* A slow card takes its time over each call; the driver may let only one thread in. */
static void take_time(device_t *gpu) {
    double share = 0.5 + noise(gpu->noise_seed, (int64_t)gpu->calls++) / (2 * 1.7320508075688772);
    double seconds = machine.read_latency + gpu->shortest_call + share * (gpu->longest_call - gpu->shortest_call);
    if (seconds <= 0) return;
    struct timespec wait = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    if (machine.one_call_at_a_time) pthread_mutex_lock(&driver);
    nanosleep(&wait, NULL);
    if (machine.one_call_at_a_time) pthread_mutex_unlock(&driver);
}

static answer_t ask(device_t *device, const char *call) {
    answer_t answer = {NVML_SUCCESS, 0, 0};
    if (users == 0) { answer.status = NVML_ERROR_UNINITIALIZED; return answer; }
    if (!device) { answer.status = NVML_ERROR_INVALID_ARGUMENT; return answer; }
    device_t *gpu = device->parent ? device->parent : device;
    take_time(gpu);
    answer.t = seconds_now();
    if (answer.t >= gpu->lost_at) { answer.status = NVML_ERROR_GPU_IS_LOST; return answer; }
    for (int i = 0; i < gpu->fault_count; i++)
        if (in_force(&gpu->faults[i], call, answer.t)) {
            answer.status = (nvmlReturn_t)gpu->faults[i].code;
            answer.blank = answer.status == NVML_SUCCESS;
            break;
        }
    return answer;
}

#define ASK(call) answer_t answer = ask(device, call); if (answer.status != NVML_SUCCESS) return answer.status
#define WHOLE_CARD() if (device->parent) return NVML_ERROR_NOT_SUPPORTED
#define SUPPORTED(condition) if (!(condition)) return NVML_ERROR_NOT_SUPPORTED

static nvmlReturn_t give_text(const char *text, char *buffer, unsigned int length) {
    if (strlen(text) >= length) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return NVML_SUCCESS;
}

#define NUMBER(function, type, call, condition, expression)                          \
    nvmlReturn_t function(nvmlDevice_t device, type *out) {                          \
        ASK(call);                                                                   \
        WHOLE_CARD();                                                                \
        SUPPORTED(condition);                                                        \
        *out = answer.blank ? 0 : (type)(expression);                                \
        return NVML_SUCCESS;                                                         \
    }

/* ---- the machine ---- */

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    return users ? give_text(machine.driver_version, version, length) : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length) {
    return users ? give_text(machine.nvml_version, version, length) : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
    *version = machine.cuda_version;
    return users ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = machine.gpu_count;
    return users ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int length) {
    char path[64], buffer[256] = "";
    snprintf(path, sizeof path, "/proc/%u/comm", pid);
    FILE *file = fopen(path, "r");
    if (!file) return NVML_ERROR_NOT_FOUND;
    if (!fgets(buffer, sizeof buffer, file)) buffer[0] = 0;
    fclose(file);
    buffer[strcspn(buffer, "\n")] = 0;
    return give_text(buffer, name, length);
}

/* ---- handles ---- */

static nvmlReturn_t give_handle(device_t *gpu, nvmlDevice_t *device) {
    answer_t answer = ask(gpu, "handle");
    if (answer.status == NVML_SUCCESS) *device = gpu;
    return answer.status;
}

static void pci_text(const device_t *gpu, char *text, size_t size, const char *domain) {
    char format[32];
    snprintf(format, sizeof format, "%s:%%02X:%%02X.0", domain);
    snprintf(text, size, format, gpu->pci_domain, gpu->pci_bus, gpu->pci_device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (!users) return NVML_ERROR_UNINITIALIZED;
    if ((int)index >= machine.gpu_count) return NVML_ERROR_INVALID_ARGUMENT;
    return give_handle(machine.gpus[index], device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    for (int i = 0; i < machine.gpu_count; i++) {
        device_t *gpu = machine.gpus[i];
        if (!strcmp(gpu->uuid, uuid)) return give_handle(gpu, device);
        for (int j = 0; j < gpu->mig_count; j++)
            if (!strcmp(gpu->mig_devices[j]->uuid, uuid)) return give_handle(gpu->mig_devices[j], device);
    }
    return users ? NVML_ERROR_NOT_FOUND : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device) {
    for (int i = 0; i < machine.gpu_count; i++) {
        char full[32], legacy[32];
        pci_text(machine.gpus[i], full, sizeof full, "%08X");
        pci_text(machine.gpus[i], legacy, sizeof legacy, "%04X");
        if (!strcasecmp(full, bus_id) || !strcasecmp(legacy, bus_id)) return give_handle(machine.gpus[i], device);
    }
    return users ? NVML_ERROR_NOT_FOUND : NVML_ERROR_UNINITIALIZED;
}

/* ---- MIG ---- */

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    ASK("mig");
    SUPPORTED(!device->parent && device->mig >= 0);
    *current = *pending = device->mig;
    return NVML_SUCCESS;
}
NUMBER(nvmlDeviceGetMaxMigDeviceCount, unsigned int, "mig", 1, device->mig_slots)
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *instance) {
    ASK("mig");
    if ((int)index >= device->mig_count) return NVML_ERROR_NOT_FOUND;
    *instance = device->mig_devices[index];
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t instance, nvmlDevice_t *device) {
    if (!instance || !instance->parent) return NVML_ERROR_INVALID_ARGUMENT;
    *device = instance->parent;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is_mig) {
    *is_mig = device && device->parent;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
    ASK("mig");
    SUPPORTED(device->parent);
    *id = device->gpu_instance;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id) {
    ASK("mig");
    SUPPORTED(device->parent);
    *id = device->compute_instance;
    return NVML_SUCCESS;
}

/* ---- what a card is ---- */

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) {
    ASK("name");
    return give_text(device->name, name, length);
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) {
    ASK("uuid");
    return give_text(device->uuid, uuid, length);
}
nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned int length) {
    ASK("serial");
    SUPPORTED(!device->parent && *device->serial);
    return give_text(device->serial, serial, length);
}
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    ASK("pci");
    device_t *gpu = device->parent ? device->parent : device;
    memset(pci, 0, sizeof *pci);
    pci->domain = gpu->pci_domain;
    pci->bus = gpu->pci_bus;
    pci->device = gpu->pci_device;
    pci->pciDeviceId = 0x10DE;
    pci_text(gpu, pci->busId, sizeof pci->busId, "%08X");
    pci_text(gpu, pci->busIdLegacy, sizeof pci->busIdLegacy, "%04X");
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    ASK("capability");
    device_t *gpu = device->parent ? device->parent : device;
    *major = gpu->capability_major;
    *minor = gpu->capability_minor;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending) {
    ASK("ecc");
    SUPPORTED(!device->parent && device->ecc >= 0);
    *current = *pending = (nvmlEnableState_t)device->ecc;
    return NVML_SUCCESS;
}
static nvmlDeviceArchitecture_t architecture(const device_t *gpu) {
    switch (gpu->capability_major * 10 + gpu->capability_minor) {
    case 70: case 72: return NVML_DEVICE_ARCH_VOLTA;
    case 75: return NVML_DEVICE_ARCH_TURING;
    case 89: return NVML_DEVICE_ARCH_ADA;
    }
    switch (gpu->capability_major) {
    case 6: return NVML_DEVICE_ARCH_PASCAL;
    case 8: return NVML_DEVICE_ARCH_AMPERE;
    case 9: return NVML_DEVICE_ARCH_HOPPER;
    case 10: case 12: return NVML_DEVICE_ARCH_BLACKWELL;
    default: return NVML_DEVICE_ARCH_UNKNOWN;
    }
}
NUMBER(nvmlDeviceGetIndex, unsigned int, "index", 1, device->index)
NUMBER(nvmlDeviceGetMinorNumber, unsigned int, "index", 1, device->index)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, unsigned int, "pcie", 1, device->pcie_generation)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned int, "pcie", 1, device->pcie_generation)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, unsigned int, "pcie", 1, device->pcie_width)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, unsigned int, "pcie", 1, device->pcie_width)
NUMBER(nvmlDeviceGetPersistenceMode, nvmlEnableState_t, "persistence", 1, device->persistence)
NUMBER(nvmlDeviceGetComputeMode, nvmlComputeMode_t, "compute_mode", 1, NVML_COMPUTEMODE_DEFAULT)
NUMBER(nvmlDeviceGetVirtualizationMode, nvmlGpuVirtualizationMode_t, "virtualization", 1, device->virtualization)
NUMBER(nvmlDeviceGetArchitecture, nvmlDeviceArchitecture_t, "architecture", 1, architecture(device))
nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, nvmlC2cModeInfo_v1_t *info) {
    ASK("c2c");
    (void)info;
    return NVML_ERROR_NOT_SUPPORTED;
}

/* ---- memory ---- */

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    ASK("memory");
    device_t *gpu = device->parent ? device->parent : device;
    memory->total = gpu->memory_total;
    memory->used = gpu->memory_used;
    memory->free = gpu->memory_total - gpu->memory_used;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    nvmlMemory_t plain;
    if (memory->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    nvmlReturn_t status = nvmlDeviceGetMemoryInfo(device, &plain);
    if (status != NVML_SUCCESS) return status;
    memory->total = plain.total;
    memory->used = plain.used;
    memory->free = plain.free;
    memory->reserved = 0;
    return NVML_SUCCESS;
}

/* ---- energy and power ---- */

NUMBER(nvmlDeviceGetTotalEnergyConsumption, unsigned long long, "energy", device->counter_present,
       energy_mj(device, answer.t))
NUMBER(nvmlDeviceGetPowerUsage, unsigned int, "power", device->usage.present,
       power_mw(device, &device->usage, answer.t))
NUMBER(nvmlDeviceGetPowerManagementLimit, unsigned int, "limits", device->limit_mw, device->limit_mw)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, unsigned int, "limits", device->limit_mw, device->limit_mw)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned int, "limits", device->limit_mw, device->default_limit_mw)
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *low, unsigned int *high) {
    ASK("limits");
    SUPPORTED(!device->parent && device->limit_mw);
    *low = device->min_limit_mw;
    *high = device->max_limit_mw;
    return NVML_SUCCESS;
}

static nvmlReturn_t power_field(device_t *gpu, const sensor_t *sensor, answer_t answer, nvmlFieldValue_t *field) {
    SUPPORTED(sensor->present && field->scopeId == 0);
    field->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
    field->value.uiVal = answer.blank ? 0 : power_mw(gpu, sensor, answer.t);
    return NVML_SUCCESS;
}

static nvmlReturn_t energy_field(device_t *gpu, answer_t answer, nvmlFieldValue_t *field) {
    SUPPORTED(gpu->counter_present);
    field->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
    field->value.ullVal = answer.blank ? 0 : energy_mj(gpu, answer.t);
    return NVML_SUCCESS;
}

static nvmlReturn_t read_field(device_t *gpu, answer_t answer, nvmlFieldValue_t *field) {
    switch (field->fieldId) {
    case NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION: return energy_field(gpu, answer, field);
    case NVML_FI_DEV_POWER_AVERAGE: return power_field(gpu, &gpu->average, answer, field);
    case NVML_FI_DEV_POWER_INSTANT: return power_field(gpu, &gpu->instant, answer, field);
    default: return NVML_ERROR_NOT_SUPPORTED;
    }
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *fields) {
    ASK("fields");
    WHOLE_CARD();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < count; i++) {
        fields[i].timestamp = now.tv_sec * 1000000ll + now.tv_nsec / 1000;
        fields[i].latencyUsec = 0;
        fields[i].nvmlReturn = read_field(device, answer, &fields[i]);
    }
    return NVML_SUCCESS;
}

/* ---- state ---- */

NUMBER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, "throttle", 1,
       answer.t >= device->throttle_start && answer.t < device->throttle_end ? device->throttle_mask : 0)
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int *celsius) {
    ASK("temperature");
    if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
    WHOLE_CARD();
    *celsius = answer.blank ? 0 : (unsigned int)(signal_at(&device->temperature, answer.t) + 0.5);
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature) {
    unsigned int celsius;
    if (temperature->version != nvmlTemperature_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    nvmlReturn_t status = nvmlDeviceGetTemperature(device, temperature->sensorType, &celsius);
    if (status == NVML_SUCCESS) temperature->temperature = (int)celsius;
    return status;
}
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t kind, unsigned int *celsius) {
    ASK("temperature");
    *celsius = kind == NVML_TEMPERATURE_THRESHOLD_SHUTDOWN ? 95 : 90;
    return NVML_SUCCESS;
}
static int is_memory_clock(nvmlClockType_t type) { return type == NVML_CLOCK_MEM; }
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *mhz) {
    ASK("clocks");
    WHOLE_CARD();
    *mhz = is_memory_clock(type) ? device->memory_clock : (unsigned int)(signal_at(&device->sm_clock, answer.t) + 0.5);
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *mhz) {
    ASK("clocks");
    WHOLE_CARD();
    *mhz = is_memory_clock(type) ? device->max_memory_clock : device->max_sm_clock;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    ASK("utilisation");
    WHOLE_CARD();
    rates->gpu = (unsigned int)(signal_at(&device->utilisation, answer.t) + 0.5);
    rates->memory = rates->gpu / 2;
    return NVML_SUCCESS;
}

/* ---- who else is there ---- */

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos) {
    ASK("processes");
    unsigned int present = 0, room = *count;
    for (int i = 0; i < device->process_count; i++) {
        const process_t *process = &device->processes[i];
        if (answer.t < process->start || answer.t >= process->end) continue;
        if (infos && present < room) {
            infos[present].pid = process->pid;
            infos[present].usedGpuMemory = process->memory;
            infos[present].gpuInstanceId = infos[present].computeInstanceId = 0xFFFFFFFFu;
        }
        present++;
    }
    *count = present;
    return present > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos) {
    (void)infos;
    ASK("processes");
    *count = 0;
    return NVML_SUCCESS;
}

/* ---- GPM: what a card did between two samples of its counters ---- */

#define GPM_REFRESH_S 0.1

struct nvmlGpmSample_st { device_t *gpu; double t; };

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support) {
    ASK("gpm");
    if (support->version != NVML_GPM_SUPPORT_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    support->isSupportedDevice = !device->parent && device->gpm_present;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample) {
    *sample = calloc(1, sizeof **sample);
    return users ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
    free(sample);
    return users ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
    ASK("gpm_sample");
    SUPPORTED(!device->parent && device->gpm_present && device->mig != 1);
    struct timespec wait = {(time_t)device->gpm_call, (long)((device->gpm_call - floor(device->gpm_call)) * 1e9)};
    if (device->gpm_call > 0) nanosleep(&wait, NULL);
    sample->gpu = device;
    sample->t = floor(seconds_now() / GPM_REFRESH_S) * GPM_REFRESH_S;
    return NVML_SUCCESS;
}

static const signal_t *gpm_signal(const device_t *gpu, unsigned metric) {
    switch (metric) {
    case NVML_GPM_METRIC_SM_UTIL: return &gpu->sm_activity;
    case NVML_GPM_METRIC_ANY_TENSOR_UTIL: return &gpu->tensor_activity;
    case NVML_GPM_METRIC_DRAM_BW_UTIL: return &gpu->dram_activity;
    default: return NULL;
    }
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get) {
    if (!users) return NVML_ERROR_UNINITIALIZED;
    if (get->version != NVML_GPM_METRICS_GET_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    const device_t *gpu = get->sample1->gpu;
    if (!gpu || gpu != get->sample2->gpu) return NVML_ERROR_INVALID_ARGUMENT;
    double start = get->sample1->t, end = get->sample2->t;
    for (unsigned i = 0; i < get->numMetrics; i++) {
        const signal_t *signal = gpm_signal(gpu, get->metrics[i].metricId);
        get->metrics[i].nvmlReturn = !signal ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
        if (signal) get->metrics[i].value = (signal_integral(signal, end) - signal_integral(signal, start)) / (end - start);
    }
    return NVML_SUCCESS;
}
