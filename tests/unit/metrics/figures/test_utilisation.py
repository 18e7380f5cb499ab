"""How much of its cards a run used, and what bound its phases: against the work, the time and the sheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from tests.support.bundles import CONFIG, raw_run

H100, UUID = "NVIDIA H100 80GB HBM3", "GPU-0"
PEAK_FLOPS_PER_S, BYTES_PER_S = 989.5e12, 3.35e12


def on_card(name: str = H100, *, raw: RawRun | None = None, **model: Any) -> RawRun:
    """Return the short run of the bundles as one of a model in bf16 on a card."""
    raw = raw or raw_run()
    facts = raw.facts
    assert facts.snapshot is not None
    assert facts.model_info is not None
    gpu = facts.snapshot.hardware.gpu.model_copy(update={"name": name, "uuid": UUID})
    hardware = facts.snapshot.hardware.model_copy(update={"gpu": gpu, "gpus": (gpu,)})
    there = {"dtype": "bfloat16", "devices": ("cuda:0",), "gpu_uuids": {"cuda:0": UUID}, **model}
    return replace(
        raw,
        facts=facts.model_copy(
            update={
                "model_info": facts.model_info.model_copy(update=there),
                "snapshot": facts.snapshot.model_copy(update={"hardware": hardware}),
            }
        ),
    )


def with_activity(raw: RawRun, sm_pct: float) -> RawRun:
    """Return the run with readings of the card's activity in every sample; memory and tensor cores do half as much."""
    samples = raw.trace.samples.copy()
    samples["sm_activity_pct"] = sm_pct
    samples["tensor_activity_pct"] = samples["dram_activity_pct"] = sm_pct / 2
    return replace(raw, trace=EnergyTrace(channels=raw.trace.channels, samples=samples))


@pytest.fixture(scope="module")
def result() -> ExperimentResult:
    return assemble(CONFIG, on_card()).result


def test_mfu_is_the_work_over_what_the_card_could_do_in_the_time(result: ExperimentResult) -> None:
    assert result.total_flops is not None
    expected = result.total_flops / (result.total_inference_time_s * PEAK_FLOPS_PER_S)
    stated = result.estimates["mfu"]
    assert stated.value == pytest.approx(expected)
    assert stated.low is not None
    assert stated.high is not None
    assert stated.low <= stated.value <= stated.high


def test_work_of_the_phases_adds_up_to_that_of_the_windows(result: ExperimentResult) -> None:
    assert result.roofline is not None
    prefill, decode = result.roofline.prefill, result.roofline.decode
    for name in ("mfu", "mbu"):
        done = [
            result.estimates[f"{name}_{part}"].value * (phase.duration_s or 0.0)
            for part, phase in (("prefill", prefill), ("decode", decode))
        ]
        assert sum(done) == pytest.approx(result.estimates[name].value * result.total_inference_time_s)


def test_intensity_ties_mfu_and_mbu_together(result: ExperimentResult) -> None:
    assert result.roofline is not None
    for part, phase in (("prefill", result.roofline.prefill), ("decode", result.roofline.decode)):
        flops_per_s = result.estimates[f"mfu_{part}"].value * PEAK_FLOPS_PER_S
        bytes_per_s = result.estimates[f"mbu_{part}"].value * BYTES_PER_S
        assert phase.arithmetic_intensity_flop_per_byte == pytest.approx(flops_per_s / bytes_per_s)


def test_the_roofline_names_card_peaks_and_source(result: ExperimentResult) -> None:
    found = result.roofline
    assert found is not None
    assert (found.card, found.cards, found.precision) == (H100, 1, "bf16")
    assert (found.peak_flops_per_s, found.memory_bandwidth_bytes_per_s) == (PEAK_FLOPS_PER_S, BYTES_PER_S)
    assert found.ridge_flop_per_byte == pytest.approx(PEAK_FLOPS_PER_S / BYTES_PER_S)
    assert (found.sheet, found.unknown) == ("H100 datasheet (SXM)", None)


def test_a_tiny_model_that_takes_50_ms_a_token_is_bound_by_its_host(result: ExperimentResult) -> None:
    assert result.roofline is not None
    assert (result.roofline.prefill.bound, result.roofline.decode.bound) == ("host", "host")
    assert "neither roof is near" in result.roofline.decode.reason


def test_a_card_whose_sms_are_busy_is_not_called_waiting() -> None:
    found = assemble(CONFIG, with_activity(on_card(), 92.0)).result.roofline
    assert found is not None
    assert found.decode.bound == "memory"
    assert found.decode.sm_activity_pct == pytest.approx(92.0)
    assert found.decode.dram_activity_pct == pytest.approx(46.0)
    assert found.prefill.sm_activity_pct == pytest.approx(92.0)


def test_activity_of_the_windows_is_among_the_conditions() -> None:
    (card,) = assemble(CONFIG, with_activity(on_card(), 30.0)).result.conditions
    assert card.sm_activity_pct is not None
    assert card.sm_activity_pct.mean == 30.0
    assert card.dram_activity_pct is not None
    assert card.dram_activity_pct.mean == 15.0


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (on_card("NVIDIA H20"), "the table of GPU peaks has no card 'NVIDIA H20'"),
        (on_card(devices=("cpu",)), "the model ran on cpu, and the table of peaks is of GPUs"),
    ],
)
def test_without_peaks_every_share_is_unknown_for_the_same_reason(raw: RawRun, reason: str) -> None:
    result = assemble(CONFIG, raw).result
    assert result.roofline is not None
    assert {result.unknown[name] for name in ("mfu", "mbu", "mfu_prefill", "mbu_decode")} == {reason}
    assert (result.roofline.unknown, result.roofline.decode.bound) == (reason, None)
    assert result.roofline.decode.reason == reason


def test_without_steps_the_phases_are_unknown_and_the_whole_is_not(result: ExperimentResult) -> None:
    without = assemble(CONFIG, replace(on_card(), steps=None)).result
    assert without.estimates["mfu"] == result.estimates["mfu"]
    assert without.roofline is not None
    assert without.unknown["mfu_decode"] == without.roofline.decode.reason
    assert without.roofline.decode.reason.startswith("the backend reports no steps")


def test_steps_that_mix_phases_belong_to_neither() -> None:
    raw = on_card()
    assert raw.steps is not None
    mixed = replace(raw.steps, decode_tokens=raw.steps.decode_tokens + 1)
    assert (
        "prefill and decoding mix in"
        in assemble(CONFIG, replace(raw, steps=mixed)).result.unknown["mfu_decode"]
    )


def test_work_that_is_unknown_says_why_in_place_of_the_share() -> None:
    result = assemble(CONFIG, on_card(shape=None)).result
    assert "mfu" in result.unknown
    assert result.roofline is not None
    assert result.roofline.decode.reason == result.unknown["mfu"]
