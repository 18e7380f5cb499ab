"""Results made by hand, for what draws or writes them."""

from __future__ import annotations

from typing import Any

from llenergymeasure.domain.estimate import Estimate, Method, exact
from llenergymeasure.domain.experiment import (
    DeviceEnergy,
    EnergyBreakdown,
    ExperimentResult,
    PhaseSummary,
    Repeat,
    RunWarning,
)

ENERGIES = (
    "total_energy_j",
    "energy_per_output_token_j",
    "energy_per_input_token_j",
    "energy_per_token_j",
    "energy_per_request_j",
    "mean_power_w",
    "idle_power_w",
)
SECOND_NS = 1_000_000_000


def interval(value: float, half_width: float, unit: str, method: Method = "counter") -> Estimate:
    """Return an estimate with a symmetric interval."""
    return Estimate(value=value, low=value - half_width, high=value + half_width, unit=unit, method=method)


def measured_result(**changes: Any) -> ExperimentResult:
    """Return a result with every figure known, on one GPU and one CPU."""
    return ExperimentResult(**{**_figures(), **changes})


def unmeasured_result(**changes: Any) -> ExperimentResult:
    """Return a result of a run without any energy, and of a backend that says little."""
    warning = RunWarning(
        code="energy_not_asked_for",
        message="No energy was measured: energy.meters is none.",
        remedy="Set energy.meters to auto, or leave it out.",
        severity="info",
    )
    estimates = {"output_tokens_per_s": interval(25.0, 0.5, "tokens/s", "derived")}
    energies = dict.fromkeys(ENERGIES, "no energy was measured: energy.meters is none")
    others = {
        "ttft_s": "the backend reports no time of the first token",
        "total_flops": "the backend does not state the shape of the model",
    }
    nothing: dict[str, Any] = {
        "estimates": estimates,
        "unknown": {**energies, **others},
        "energy": EnergyBreakdown(),
        "total_flops": None,
        "peak_memory_bytes": {},
        "warnings": (warning,),
        "verdict": "valid",
    }
    return measured_result(**{**nothing, **changes})


def estimated_result() -> ExperimentResult:
    """Return a result whose energy comes from a model of the CPU."""
    figures = _figures()
    estimates: dict[str, Estimate] = figures["estimates"]
    weak = {
        name: each.model_copy(update={"method": "estimated"}) if each.method == "counter" else each
        for name, each in estimates.items()
    }
    device = DeviceEnergy(
        meter="estimate",
        domain="cpu",
        device="host",
        label="CPU (estimate)",
        method="estimated",
        energy_j=5000.0,
        mean_power_w=166.0,
    )
    energy = EnergyBreakdown(method="estimated", by_device=(device,))
    warning = RunWarning(
        code="energy_estimated",
        message="Energy of CPU (estimate) is an estimate, not a measurement: 8 W per core.",
        remedy="Make a meter readable: `llem doctor` prints the command for this machine.",
    )
    return measured_result(
        estimates=weak, energy=energy, warnings=(warning,), verdict="valid_with_warnings", device="cpu"
    )


def _figures() -> dict[str, Any]:
    return {
        "experiment_id": "20260101T000000-model-01234567",
        "config_hash": "0123456789abcdef",
        "backend": "pytorch",
        "model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "device": "cuda",
        "total_requests": 300,
        "input_tokens": 12_000,
        "output_tokens": 9_600,
        "total_tokens": 21_600,
        "total_inference_time_s": 30.6,
        "total_flops": 5.83e12,
        "peak_memory_bytes": {"cuda:0": 1_234_567_890, "host": 2_345_678_901},
        "estimates": _estimates(),
        "energy": _energy(),
        "repeats": tuple(_repeat(number) for number in range(3)),
        "phases": (
            PhaseSummary(name="baseline_idle", duration_s=30.0, energy_j=2100.0),
            PhaseSummary(name="baseline_context", duration_s=5.0, energy_j=394.0),
            PhaseSummary(name="baseline_loaded", duration_s=10.0, energy_j=800.0),
        ),
        "stopped_because": "target_reached",
        "config": {"precision": "bf16"},
    }


def _estimates() -> dict[str, Estimate]:
    return {
        "total_energy_j": interval(9234.56, 87.6, "J"),
        "energy_per_output_token_j": interval(0.96193, 0.0091, "J/token"),
        "energy_per_input_token_j": interval(0.76955, 0.0073, "J/token"),
        "energy_per_token_j": interval(0.42753, 0.0041, "J/token"),
        "energy_per_request_j": interval(30.782, 0.29, "J/request"),
        "mean_power_w": interval(301.78, 2.9, "W"),
        "net_energy_j": interval(7089.5, 92.3, "J"),
        "marginal_energy_j": interval(6780.4, 95.1, "J"),
        "idle_power_w": interval(70.1, 3.5, "W"),
        "context_power_w": interval(78.8, 3.9, "W"),
        "loaded_power_w": interval(80.2, 4.0, "W"),
        "load_energy_j": interval(412.3, 20.6, "J"),
        "output_tokens_per_s": interval(313.73, 1.2, "tokens/s", "derived"),
        "ttft_s": interval(0.02134, 0.0004, "s", "derived"),
        "tpot_s": Estimate(
            value=0.003187, unit="s", method="derived", reason="a single repeat has no spread"
        ),
        "total_requests": exact(300, "requests", "counted"),
        "input_tokens": exact(12_000, "tokens", "counted"),
        "output_tokens": exact(9_600, "tokens", "counted"),
        "total_tokens": exact(21_600, "tokens", "counted"),
        "total_flops": exact(5.83e12, "FLOP", "counted"),
    }


def _energy() -> EnergyBreakdown:
    gpu = DeviceEnergy(
        meter="nvml",
        domain="gpu",
        device="GPU-1",
        label="GPU 0 NVIDIA H100",
        method="counter",
        energy_j=8000.0,
        mean_power_w=261.4,
    )
    package = DeviceEnergy(
        meter="rapl",
        domain="cpu",
        device="package-0",
        label="CPU package 0",
        method="counter",
        energy_j=1234.56,
        mean_power_w=40.3,
    )
    psys = DeviceEnergy(
        meter="rapl",
        domain="system",
        device="psys",
        label="psys",
        method="counter",
        energy_j=None,
        mean_power_w=None,
        included_in_total=False,
        reason="the counter stood still",
    )
    return EnergyBreakdown(
        method="counter",
        by_device=(gpu, package, psys),
    )


def _repeat(number: int) -> Repeat:
    start = (1_700_000_000 + 11 * number) * SECOND_NS
    return Repeat(
        start_unix_ns=start,
        end_unix_ns=start + 10 * SECOND_NS,
        duration_s=10.2,
        energy_j=3078.0,
        input_tokens=4000,
        output_tokens=3200,
        requests=100,
    )
