"""Why a figure of a result is not known."""

from __future__ import annotations

from llenergymeasure.domain.experiment import ExperimentResult

_ENERGY_CODES = ("energy_not_asked_for", "sampler_died", "energy_unknown")
_BASELINES = {
    "idle_power_w": ("baseline_idle", "idle_s"),
    "net_energy_j": ("baseline_idle", "idle_s"),
    "context_power_w": ("baseline_context", "context_s"),
    "loaded_power_w": ("baseline_loaded", "loaded_s"),
    "marginal_energy_j": ("baseline_loaded", "loaded_s"),
}
_OTHERS = {
    "ttft_s": "the backend gives no time of the first token",
    "tpot_s": "the backend gives no times of tokens, or one token per request",
    "total_flops": "the model does not tell its shape",
    "peak_memory_bytes": "the backend gives none",
}


def why_unknown(result: ExperimentResult, name: str) -> str:
    """Return the reason for a figure that is None, by the name of its field."""
    if name in _OTHERS:
        return _OTHERS[name]
    if name in _BASELINES:
        phase, setting = _BASELINES[name]
        reused = (
            phase == "baseline_idle" and result.baseline is not None and result.baseline.stored is not None
        )
        if not reused and phase not in {each.name for each in result.phases}:
            return f"left out (measurement.baseline.{setting} is 0)"
    return _why_no_energy(result)


def _why_no_energy(result: ExperimentResult) -> str:
    said = [warning.message for warning in result.warnings if warning.code in _ENERGY_CODES]
    if said:
        return said[0].rstrip(".")
    reasons = [device.reason for device in result.energy.by_device if device.reason]
    return reasons[0] if reasons else "no energy source was read"
