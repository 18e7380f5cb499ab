"""Figures of FLOPs, bytes and energy per FLOP of a run, beside the work of its windows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.figures.work_done import WORK_DONE
from llenergymeasure.metrics.performance.work.window_work import NO_EXECUTION, NO_SHAPE, window_work
from llenergymeasure.orchestration.assemble import assemble
from tests.support.bundles import CONFIG, raw_run

EXECUTED = {"flops_executed", "prefill_flops_executed", "decode_flops_executed"}


def result_of(**info: object) -> ExperimentResult:
    raw = raw_run()
    assert raw.facts.model_info is not None
    changed = raw.facts.model_info.model_copy(update=info)
    return assemble(CONFIG, replace(raw, facts=raw.facts.model_copy(update={"model_info": changed}))).result


@pytest.fixture(scope="module")
def result() -> ExperimentResult:
    return result_of()


def values(result: ExperimentResult) -> dict[str, float]:
    return {figure.name: result.estimates[figure.name].value for figure in WORK_DONE}


def test_the_figures_are_the_work_of_the_answered_requests_of_all_windows(result: ExperimentResult) -> None:
    raw, found = raw_run(), values(result)
    requests = raw.requests.select((raw.requests.repeat >= 0) & raw.requests.is_ok())
    work = window_work(raw.facts.model_info, requests)
    assert found["total_flops"] == work.total.flops_model
    assert found["prefill_flops_model"] == work.prefill.flops_model
    assert found["decode_flops_executed"] == work.decode.flops_executed
    assert found["moved_bytes"] == pytest.approx(work.total.n_bytes)


def test_phases_add_up_and_ratios_are_those_of_the_sums(result: ExperimentResult) -> None:
    found = values(result)
    assert found["total_flops"] == found["prefill_flops_model"] + found["decode_flops_model"]
    assert found["flops_executed"] == found["prefill_flops_executed"] + found["decode_flops_executed"]
    assert found["moved_bytes"] == found["prefill_moved_bytes"] + found["decode_moved_bytes"]
    assert found["arithmetic_intensity"] == found["total_flops"] / found["moved_bytes"]
    energy = result.total_energy_j
    assert energy is not None
    assert found["energy_per_gflop_j"] == pytest.approx(energy / found["total_flops"] * 1e9)


def test_without_a_shape_every_figure_says_why() -> None:
    unknown = result_of(shape=None, unknown={"shape": "Mamba: it is not understood"}).unknown
    assert {unknown[figure.name] for figure in WORK_DONE} == {"Mamba: it is not understood"}
    assert result_of(shape=None).unknown["energy_per_gflop_j"] == NO_SHAPE


def test_without_an_execution_only_what_is_executed_is_unknown() -> None:
    unknown = result_of(execution=None).unknown
    assert {name for name in unknown if unknown[name] == NO_EXECUTION} == EXECUTED
