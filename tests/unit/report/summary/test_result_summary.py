"""Claims about what a summary shows."""

from __future__ import annotations

from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.breakdowns.conditions import DeviceConditions, Span
from llenergymeasure.domain.experiment import ExperimentResult, WarmupSummary
from llenergymeasure.report.summary.document import Notes, Row, Rows
from llenergymeasure.report.summary.result import row_blocks, title
from tests.support.sample_results import estimated_result, interval, measured_result, unmeasured_result

ENERGY_LABELS = (
    "Energy",
    "Energy per output token",
    "Energy per input token",
    "Energy per token",
    "Energy per request",
    "Mean power",
)


def rows(result: ExperimentResult) -> dict[str, Row]:
    blocks = (block for block in row_blocks(result) if isinstance(block, Rows))
    return {row.label.strip(): row for block in blocks for row in block.rows}


def test_every_headline_has_its_interval_and_method() -> None:
    shown = rows(measured_result())
    assert shown["Energy"].value == "9,235 ± 88 J"
    assert shown["Requests"].value == "300"
    assert shown["Input tokens"].value == "12,000"
    assert shown["Energy per output token"].value == "0.9619 ± 0.0091 J/token"
    assert shown["Mean power"].value == "301.8 ± 2.9 W"
    assert {shown[label].method for label in ENERGY_LABELS} == {"counter"}
    assert shown["Output tokens per second"].value == "313.7 ± 1.2 tokens/s"
    assert shown["Time to first token"].value == "21.34 ± 0.40 ms"
    assert shown["Windows"].value == "3 × 10.2 s (the interval is as narrow as asked)"
    assert shown["Peak memory, cuda:0"].value == "1.15 GiB"
    assert shown["FLOPs (model)"].value == "5.830 TFLOP"
    assert shown["Verdict"].value == "valid"


def footnotes(result: ExperimentResult) -> list[str]:
    blocks = (block for block in row_blocks(result) if isinstance(block, Notes))
    return [f"{note.lead} {note.text}" for block in blocks for note in block.notes]


def test_a_missing_interval_is_explained_below_the_rows() -> None:
    assert rows(measured_result())["Time per output token"].value == "3.187 ms [1]"
    assert footnotes(measured_result()) == ["[1] No interval: a single repeat has no spread."]


def test_an_interval_that_leaves_something_out_says_what_once() -> None:
    partial = {
        name: interval(9234.56, 87.6, unit).model_copy(update={"reason": "without the spread"})
        for name, unit in (("total_energy_j", "J"), ("mean_power_w", "W"))
    }
    alone = measured_result().estimates["tpot_s"]
    result = measured_result(estimates={**partial, "tpot_s": alone})
    shown = rows(result)
    assert [shown[label].value for label in ("Energy", "Mean power", "Time per output token")] == [
        "9,235 ± 88 J [1]",
        "9,235 ± 88 W [1]",
        "3.187 ms [2]",
    ]
    assert footnotes(result) == [
        "[1] The interval is without the spread.",
        "[2] No interval: a single repeat has no spread.",
    ]


def test_a_result_whose_intervals_are_whole_has_no_footnotes() -> None:
    whole = {"total_energy_j": measured_result().estimates["total_energy_j"]}
    assert footnotes(measured_result(estimates=whole)) == []


def test_devices_are_listed_with_meter_and_method_and_those_not_added_say_so() -> None:
    shown = rows(measured_result())
    assert shown["GPU 0 NVIDIA H100"].method == "counter, nvml"
    assert shown["psys (not added)"].value == "unknown: the counter stood still"


def test_an_estimate_says_so_at_every_figure_it_touches() -> None:
    shown = rows(estimated_result())
    touched = [*ENERGY_LABELS, "CPU (estimate)", "Idle power", "Net energy (less idle)"]
    assert all(shown[label].estimated for label in touched)
    assert not shown["Output tokens per second"].estimated


def test_what_is_unknown_has_a_reason_and_never_a_number() -> None:
    shown = rows(unmeasured_result())
    for label in ENERGY_LABELS:
        assert shown[label].value == "unknown: no energy was measured: energy.meters is none"
    assert shown["Time to first token"].value.startswith("unknown: the backend")
    assert shown["FLOPs (model)"].value.startswith("unknown: the backend")
    assert shown["Peak memory"].value.startswith("unknown: the backend")
    assert all(row.tone == "unknown" for row in shown.values() if row.value.startswith("unknown"))


def test_figures_that_this_version_does_not_know_are_shown_by_name() -> None:
    newer = {"carbon_g": interval(12.0, 0.5, "g"), **measured_result().estimates}
    shown = rows(measured_result(estimates=newer, unknown={"water_l": "no source"}))
    assert shown["carbon_g"].value == "12.00 ± 0.50 g"
    assert shown["water_l"].value == "unknown: no source"


def test_a_result_that_states_no_figure_has_no_rows_for_them() -> None:
    shown = rows(ExperimentResult(experiment_id="e", config_hash="h", backend="b", model="m", device="cpu"))
    assert list(shown) == ["Peak memory", "Windows", "Verdict"]


def test_a_figure_of_an_older_release_without_an_interval_shows_its_value() -> None:
    older = measured_result(estimates={}, idle_power_w=70.1)
    shown = rows(older)
    assert shown["Idle power"].value == "70.10 W [1]"
    assert footnotes(older)[0] == "[1] No interval: the release that wrote this result computed none."
    assert shown["Requests"].value == "300"


def test_an_idle_power_of_an_earlier_run_shows_its_age() -> None:
    reuse = BaselineReuse(origin="cached", age_s=185.0)
    assert (
        rows(measured_result(baseline=reuse))["Idle power"].value
        == "70.1 ± 3.5 W (measured 3 min 05 s before)"
    )


def test_the_verdict_counts_its_warnings() -> None:
    assert rows(estimated_result())["Verdict"].value == "valid with warnings (1 warning)"


def test_windows_of_different_length_show_their_range() -> None:
    first, second, third = measured_result().repeats
    longer = third.model_copy(update={"duration_s": 11.9})
    shown = rows(measured_result(repeats=(first, second, longer), stopped_because="fixed"))
    assert shown["Windows"].value == "3 × 10.2 s to 11.9 s"


def test_the_title_says_what_was_measured() -> None:
    assert title(measured_result()) == "HuggingFaceTB/SmolLM2-135M-Instruct · pytorch · cuda · bf16"


def test_warm_up_and_conditions_are_shown_where_they_are_known() -> None:
    conditions = DeviceConditions(
        device="GPU-1",
        label="GPU 0",
        temperature_c=Span(low=41.2, mean=55.0, high=63.4),
        sm_clock_mhz=Span(low=1980.0, mean=1980.0, high=1980.0),
        throttle_fractions={"power cap": 0.123},
    )
    warmup = WarmupSummary(requests=1, duration_s=5.1, ended_because="cap")
    shown = rows(measured_result(conditions=(conditions,), warmup=warmup))
    assert shown["Warm-up"].value == "1 request, 5.10 s (not steady within max_duration_s)"
    assert shown["GPU 0, temperature"].value == "41 to 63 °C"
    assert shown["GPU 0, clock"].value == "1980 MHz"
    assert shown["GPU 0, throttled"].value == "power cap 12% of the readings"
    assert "Warm-up" not in rows(measured_result())
