"""From raw tables to the result: a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llenergymeasure.config.models import ExperimentConfig, MeasurementConfig
from llenergymeasure.domain.breakdowns.attribution import AttributionTable
from llenergymeasure.domain.experiment import ExperimentResult, PhaseSummary, Repeat, WarmupSummary
from llenergymeasure.domain.fingerprints import experiment_hash
from llenergymeasure.domain.model.info import explained
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.metrics.attribution.by_request.attribute import NO_STEPS, Attribution, attribute
from llenergymeasure.metrics.attribution.by_request.summary import summarise_attribution
from llenergymeasure.metrics.attribution.by_request.table import attribution_table
from llenergymeasure.metrics.attribution.phases.split import PhaseShares, SplitEnergies, split_phases
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.verdict import run_warnings, verdict
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import Baselines, find_idle_power
from llenergymeasure.metrics.energy.quiet import quiet_intervals
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.breakdown import energy_breakdown, energy_method
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.table import FigureValues, compute_figures
from llenergymeasure.metrics.performance.memory_use import memory_use
from llenergymeasure.metrics.performance.peak_memory import peak_memory
from llenergymeasure.metrics.performance.served import served
from llenergymeasure.metrics.protocol.cooldown import summarise_cooldown
from llenergymeasure.metrics.protocol.device_conditions import device_conditions
from llenergymeasure.metrics.protocol.prefix_cache import prefix_cache_use
from llenergymeasure.metrics.protocol.warmup import summarise_warmup
from llenergymeasure.orchestration.measured import Measured, find_measured
from llenergymeasure.orchestration.raw import RawRun

CHECKED_FACTS = (
    "model_info",
    "interference",
    "client",
    "left_out",
    "paces",
    "output_refusals",
    "closing_faults",
    "stopped_because",
    "fingerprints",
    "prompt_facts",
    "prefix_cache",
    "serving",
    "max_batch_size",
    "compiled_in_windows_s",
    "server_windows",
    "engine_ran_before",
)
"""Fields of `RunFacts` that the checks look at, under the same name."""


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """All that follows from the raw tables and facts of a run."""

    result: ExperimentResult
    attribution: AttributionTable | None
    """Energy by request; None where it is unknown, and `unknown` of the result says why."""


def assemble(config: ExperimentConfig, raw: RawRun) -> Assembled:
    """Compute every figure of a result, and the derived tables, from the raw tables and facts of a run."""
    account = EnergyAccount(raw.trace, quiet_intervals(raw.phases, raw.requests))
    measured = find_measured(config, raw, account)
    no_steps = explained(NO_STEPS, raw.facts.model_info, "steps")
    attribution = attribute(account, measured.run.phases, raw.requests, raw.steps, no_steps)
    result = _result(config, measured, account, attribution).model_copy(
        update={"phases": _phase_summaries(account, raw)}
    )
    if isinstance(attribution, str):
        return Assembled(result=result, attribution=None)
    return Assembled(result=result, attribution=attribution_table(attribution.energies, raw.requests))


def _result(
    config: ExperimentConfig, measured: Measured, account: EnergyAccount, attribution: Attribution | str
) -> ExperimentResult:
    raw, rows = measured.run, measured.rows
    facts, protocol = raw.facts, config.measurement
    baselines = find_idle_power(account, raw.phases, facts.baseline)
    split = split_phases(account, rows, raw.requests, raw.steps, _phase_shares(attribution), facts.model_info)
    inputs = _figure_inputs(config, raw, account, rows, baselines, split, attribution)
    figures = compute_figures(inputs)
    traffic = measured.traffic.model_copy(update={"objectives": inputs.attainments})
    energy = energy_breakdown(account, raw.phases, baselines)
    conditions = device_conditions(raw.trace, raw.phases)
    cooldown = summarise_cooldown(raw.trace, raw.phases, protocol.cooldown.max_temperature_c)
    warmup = _warmup(protocol, raw, account)
    shares = None if isinstance(attribution, str) else summarise_attribution(attribution)
    warnings = run_warnings(
        CheckInputs(
            config=config,
            rows=rows,
            energy=energy,
            account=account,
            phase_split=split.split,
            attribution=shares,
            requests=raw.requests,
            phases=raw.phases,
            conditions=conditions,
            cooldown=cooldown,
            warmup=warmup,
            interrupted=raw.trace.interrupted,
            estimates=figures.estimates,
            traffic=traffic,
            **{name: getattr(facts, name) for name in CHECKED_FACTS},
        )
    )
    return ExperimentResult(
        verdict=verdict(warnings),
        **_taken_over(config, facts, rows),
        **_stated(figures),
        energy=energy,
        unknown={**figures.unknown, **_unknown_facts(facts, attribution)},
        warnings=warnings,
        repeats=tuple(_repeat(row) for row in measured.all_rows),
        traffic=traffic,
        phase_split=split.split,
        conditions=conditions,
        cooldown=cooldown,
        warmup=warmup,
        attribution=shares,
        peak_memory_bytes=peak_memory(raw.phases),
        memory=memory_use(facts.model_info, raw.requests, raw.phases, facts.interference.windows),
    )


def _stated(figures: FigureValues) -> dict[str, Any]:
    """Return what is known of the figures."""
    return {
        **figures.headline,
        "estimates": figures.estimates,
        "uncertainty": figures.uncertainty,
        "roofline": figures.roofline,
        "latency": figures.latency,
        "latency_with_failures": figures.latency_with_failures,
    }


def _warmup(protocol: MeasurementConfig, raw: RawRun, account: EnergyAccount) -> WarmupSummary | None:
    window_s = protocol.window.min_duration_s
    return summarise_warmup(account, raw.phases, raw.requests, raw.facts.warmup_ended, window_s)


def _figure_inputs(
    config: ExperimentConfig,
    raw: RawRun,
    account: EnergyAccount,
    rows: Sequence[WindowTotals],
    baselines: Baselines,
    split: SplitEnergies,
    attribution: Attribution | str,
) -> FigureInputs:
    return FigureInputs(
        rows=rows,
        method=energy_method(account),
        baselines=baselines,
        phases=raw.phases,
        account=account,
        model_info=raw.facts.model_info,
        requests=raw.requests,
        steps=raw.steps,
        phase_split=split,
        attribution=attribution,
        hardware=raw.facts.snapshot.hardware if raw.facts.snapshot else None,
        device=config.device,
        meters_are_read=config.energy.meters != "none",
        engine_ran_before=raw.facts.engine_ran_before,
        serves_whole_passes=config.load.kind == "offline",
        slo=config.slo,
    )


def _taken_over(config: ExperimentConfig, facts: RunFacts, rows: Sequence[WindowTotals]) -> dict[str, Any]:
    """Return what is taken over as it is, or nearly so."""
    return {
        "experiment_id": facts.experiment_id,
        "config_hash": config.config_hash,
        "experiment_hash": _experiment_hash(config, facts),
        "fingerprints": facts.fingerprints,
        "backend": config.backend,
        "model": config.model,
        "device": config.device,
        "config": config.model_dump(mode="json"),
        "interference": facts.interference,
        "server_windows": facts.server_windows,
        "baseline": facts.baseline,
        "prefix_cache": prefix_cache_use(facts.prefix_cache, rows),
        "served": served(facts.serving, [row.served for row in rows]),
        "stopped_because": facts.stopped_because,
        "model_info": facts.model_info,
        "environment": facts.snapshot.hardware if facts.snapshot else None,
        "environment_snapshot": facts.snapshot,
    }


def _phase_shares(attribution: Attribution | str) -> PhaseShares | str:
    if isinstance(attribution, str):
        return attribution
    windows = attribution.energies
    return PhaseShares(
        prefill_j=math.fsum(float(each.prefill_j.sum()) for each in windows),
        decode_j=math.fsum(float(each.decode_j.sum()) for each in windows),
        rest_j=math.fsum(each.idle_j + each.overhead_j for each in windows),
    )


def _unknown_facts(facts: RunFacts, attribution: Attribution | str) -> dict[str, str]:
    """Return why records are unknown that are no figures."""
    unknown = {"attribution": attribution} if isinstance(attribution, str) else {}
    if facts.snapshot_unknown:
        unknown["environment_snapshot"] = facts.snapshot_unknown
    return unknown


def _experiment_hash(config: ExperimentConfig, facts: RunFacts) -> str | None:
    known = facts.fingerprints
    return None if known is None else experiment_hash(config.config_hash, known)


def _repeat(row: WindowTotals) -> Repeat:
    return Repeat(
        start_unix_ns=row.window.start_unix_ns,
        end_unix_ns=row.window.end_unix_ns,
        duration_s=row.duration_s,
        energy_j=row.energy.energy_j,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        requests=len(row.served),
        failed_requests=len(row.failed),
        cut_off_requests=row.cut_off,
        rung=row.window.rung,
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
