"""The verdict on a run, from the typed warnings of every check."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning, Verdict
from llenergymeasure.metrics.checks import (
    agreement,
    beating_load,
    conditions,
    energy,
    energy_source,
    hold_ups,
    interference,
    protocol,
    sampling,
    sensors,
    steady_state,
    storage,
    weights,
    workload,
)
from llenergymeasure.metrics.checks.inputs import Check, CheckInputs
from llenergymeasure.metrics.checks.serving import (
    begin_token,
    client,
    objectives,
    prefix_cache,
    running_server,
    server_counts,
    server_times,
    steadiness,
    token_counts,
)

CHECKS: tuple[Check, ...] = (
    weights.check_weights_are_complete,
    energy.check_energy_is_known,
    energy.check_energy_is_measured,
    energy.check_compute_device_is_metered,
    energy.check_phases_are_not_locked,
    energy.check_step_costs_predict,
    sensors.check_counters_held,
    sampling.check_sampling_kept_up,
    sampling.check_period_was_held,
    sensors.check_sensors_answered,
    sensors.check_values_are_possible,
    sensors.check_power_is_fresh,
    energy_source.check_every_sensor_is_read,
    energy_source.check_the_right_gpus_are_read,
    energy_source.check_source_is_the_counter,
    beating_load.check_load_does_not_beat,
    energy_source.check_counter_agrees_with_power,
    energy_source.check_readings_are_of_the_device,
    energy_source.check_meter_is_the_systems,
    protocol.check_window_is_long,
    protocol.check_target_is_reached,
    agreement.check_intervals_say_something,
    agreement.check_windows_agree,
    agreement.check_nothing_was_compiled,
    hold_ups.check_windows_did_not_stall,
    protocol.check_answers_are_answers,
    protocol.check_requests_were_answered,
    token_counts.check_tokens_are_counted,
    workload.check_chat_template_is_used,
    workload.check_prompts_reach_the_model,
    workload.check_top_k_has_an_effect,
    workload.check_batches_are_filled,
    workload.check_prompts_are_distinct,
    client.check_client_kept_up,
    server_times.check_server_times_agree,
    begin_token.check_begin_token_comes_once,
    prefix_cache.check_cache_was_cold,
    prefix_cache.check_cache_was_warm,
    server_counts.check_server_counts_agree,
    running_server.check_server_ran_before,
    conditions.check_start_temperature,
    steady_state.check_warmup_settled,
    steady_state.check_no_drift,
    steady_state.check_no_outlier,
    steady_state.check_not_host_bound,
    conditions.check_not_throttled,
    conditions.check_temperature_held,
    conditions.check_clocks_held,
    steadiness.check_load_was_served,
    steadiness.check_traffic_was_steady,
    steadiness.check_littles_law,
    objectives.check_objectives_mean_something,
    hold_ups.check_windows_were_not_held_up,
    interference.check_machine_was_exclusive,
    storage.check_output_is_durable,
    protocol.check_all_is_closed,
)
"""Everything a run is checked for."""


def run_warnings(inputs: CheckInputs) -> tuple[RunWarning, ...]:
    """Return all warnings about a finished run, most severe first."""
    warnings = [warning for check in CHECKS for warning in check(inputs)]
    order = {"invalid": 0, "warning": 1, "info": 2}
    return tuple(sorted(warnings, key=lambda warning: order[warning.severity]))


def verdict(warnings: Iterable[RunWarning]) -> Verdict:
    """Return `invalid` if any warning says so, `valid` without warnings, else `valid_with_warnings`."""
    severities = {warning.severity for warning in warnings}
    if "invalid" in severities:
        return "invalid"
    return "valid_with_warnings" if "warning" in severities else "valid"
