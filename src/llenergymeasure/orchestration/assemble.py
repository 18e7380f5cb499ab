"""From raw tables to the result: a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.experiment import ExperimentResult, PhaseSummary, Repeat
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.verdict import run_warnings, verdict
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import find_idle_power
from llenergymeasure.metrics.energy.windows import WindowTotals, window_totals
from llenergymeasure.metrics.figures.breakdown import energy_breakdown, energy_method
from llenergymeasure.metrics.figures.headline import energy_budgets, time_estimates, total_flops
from llenergymeasure.metrics.figures.net_energy import net_budgets
from llenergymeasure.metrics.protocol.cooldown import summarise_cooldown
from llenergymeasure.metrics.protocol.device_conditions import device_conditions
from llenergymeasure.metrics.protocol.warmup import summarise_warmup
from llenergymeasure.metrics.statistics.estimates import budget_estimate
from llenergymeasure.orchestration.raw import RawRun


def assemble(config: ExperimentConfig, raw: RawRun) -> ExperimentResult:
    """Compute every figure of a result from the raw tables and facts of a run."""
    facts = raw.facts
    account = EnergyAccount(raw.trace)
    rows = window_totals(account, raw.phases, raw.requests)
    method = energy_method(account)
    baselines = find_idle_power(account, raw.phases, facts.baseline)
    uncertainty = {**energy_budgets(rows), **net_budgets(rows, baselines)}
    estimates = {**time_estimates(rows), **_energies(uncertainty, method)}
    energy = energy_breakdown(account, raw.phases, baselines, estimates)
    conditions = device_conditions(raw.trace, raw.phases)
    cooldown = summarise_cooldown(raw.trace, raw.phases, config.measurement.cooldown.max_temperature_c)
    warmup = summarise_warmup(
        account, raw.phases, raw.requests, facts.warmup_ended, config.measurement.window.min_duration_s
    )
    warnings = run_warnings(
        CheckInputs(
            config=config,
            rows=rows,
            energy=energy,
            account=account,
            conditions=conditions,
            cooldown=cooldown,
            warmup=warmup,
            interference=facts.interference,
            interrupted=raw.trace.interrupted,
            stopped_because=facts.stopped_because,
        )
    )
    return ExperimentResult(
        verdict=verdict(warnings),
        **_taken_over(config, facts),
        **_headlines(estimates),
        **_counts(rows),
        total_inference_time_s=math.fsum(row.duration_s for row in rows),
        total_flops=total_flops(facts.model_info, rows),
        energy=energy,
        estimates=estimates,
        uncertainty=uncertainty,
        warnings=warnings,
        repeats=tuple(_repeat(row) for row in rows),
        phases=_phase_summaries(account, raw),
        conditions=conditions,
        cooldown=cooldown,
        warmup=warmup,
    )


def _energies(budgets: dict[str, UncertaintyBudget], method: Method | None) -> dict[str, Estimate]:
    return {name: budget_estimate(budget, method) for name, budget in budgets.items()} if method else {}


def _taken_over(config: ExperimentConfig, facts: RunFacts) -> dict[str, Any]:
    """Return what is taken over as it is."""
    return {
        "experiment_id": facts.experiment_id,
        "config_hash": config.config_hash,
        "backend": config.backend,
        "model": config.model,
        "device": config.device,
        "config": config.model_dump(mode="json"),
        "peak_memory_bytes": facts.peak_memory_bytes,
        "interference": facts.interference,
        "baseline": facts.baseline,
        "stopped_because": facts.stopped_because,
        "model_info": facts.model_info,
        "environment": facts.snapshot.hardware if facts.snapshot else None,
        "environment_snapshot": facts.snapshot,
    }


def _headlines(estimates: dict[str, Estimate]) -> dict[str, float]:
    """Return the values that are fields of the result itself; net and marginal energy stand in its breakdown."""
    elsewhere = {"total_inference_time_s", "net_energy_j", "marginal_energy_j"}
    return {name: estimate.value for name, estimate in estimates.items() if name not in elsewhere}


def _counts(rows: Sequence[WindowTotals]) -> dict[str, int]:
    return {
        "total_tokens": sum(row.total_tokens for row in rows),
        "input_tokens": sum(row.input_tokens for row in rows),
        "output_tokens": sum(row.output_tokens for row in rows),
        "total_requests": sum(len(row.requests) for row in rows),
    }


def _repeat(row: WindowTotals) -> Repeat:
    return Repeat(
        start_unix_ns=row.window.start_unix_ns,
        end_unix_ns=row.window.end_unix_ns,
        duration_s=row.duration_s,
        energy_j=row.energy.energy_j,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        requests=len(row.requests),
    )


def _phase_summaries(account: EnergyAccount, raw: RawRun) -> tuple[PhaseSummary, ...]:
    return tuple(
        PhaseSummary(
            name=phase.name,
            repeat=phase.repeat,
            duration_s=phase.duration_s,
            energy_j=account.energy(phase).energy_j,
        )
        for phase in raw.phases
    )
