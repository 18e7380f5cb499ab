"""The table of warnings: every code that a result can have."""

from __future__ import annotations

from llenergymeasure.metrics.checks import (
    agreement,
    conditions,
    energy,
    energy_source,
    interference,
    protocol,
    sensors,
    stalls,
    steady_state,
)
from llenergymeasure.metrics.checks.code import WarningCode

WARNING_CODES: tuple[WarningCode, ...] = (
    energy.ENERGY_NOT_ASKED_FOR,
    energy.SAMPLER_DIED,
    energy.ENERGY_UNKNOWN,
    energy.ENERGY_ESTIMATED,
    energy.COMPUTE_DEVICE_NOT_METERED,
    *sensors.COUNTER_FAULTS,
    sensors.SAMPLE_GAP,
    sensors.GPU_LOST,
    sensors.SENSOR_ERRORS,
    sensors.POWER_STALE,
    energy_source.SOURCE_CHOSEN,
    energy_source.COUNTER_POWER_DISAGREE,
    energy_source.SHARED_CARD,
    energy_source.WHOLE_MODULE,
    energy_source.METER_REDIRECTED,
    protocol.WINDOW_SHORT,
    protocol.FEW_REPEATS,
    protocol.TARGET_NOT_REACHED,
    agreement.INTERVAL_WIDE,
    agreement.WINDOWS_DIFFER,
    agreement.COMPILED_IN_WINDOW,
    stalls.WINDOW_STALLED,
    protocol.ANSWERS_EMPTY,
    protocol.REQUESTS_FAILED,
    conditions.START_TEMPERATURE,
    steady_state.WARMUP_NOT_STEADY,
    steady_state.LATENCY_DRIFT,
    steady_state.POWER_DRIFT,
    steady_state.REPEAT_OUTLIER,
    steady_state.HOST_BOUND,
    conditions.THROTTLED,
    conditions.POWER_CAPPED,
    conditions.TEMPERATURE_RISING,
    conditions.CLOCKS_VARIED,
    interference.FOREIGN_CPU_LOAD,
    interference.FOREIGN_GPU_PROCESS,
    interference.GPU_MEMORY_TAKEN,
)
"""A new warning is one row here, made in the file of its check."""
