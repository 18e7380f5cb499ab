"""What speculative decoding proposed, accepted and cost, from the steps that end in the windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import complete_windows
from llenergymeasure.metrics.figures.speculation import NO_STEPS, NOTHING_PROPOSED
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.report.summary.figure_rows import stated_figures
from tests.support.bundles import CONFIG, raw_run

NAMES = ("acceptance_rate", "tokens_per_step", "energy_per_accepted_token_j")


def assembled(drafted: int, accepted: int) -> ExperimentResult:
    """A run of which each second step verified so many tokens, and the others had none to verify."""
    run = raw_run()
    assert run.steps is not None
    proposes = np.arange(len(run.steps)) % 2 == 0
    steps = replace(
        run.steps,
        drafted_tokens=np.where(proposes, drafted, 0).astype("i4"),
        accepted_tokens=np.where(proposes, accepted, 0).astype("i4"),
    )
    return assemble(CONFIG, replace(run, steps=steps)).result


def steps_in_windows(steps: StepTable) -> int:
    return sum(
        int(((steps.end_unix_ns > each.start_unix_ns) & (steps.end_unix_ns <= each.end_unix_ns)).sum())
        for each in complete_windows(raw_run().phases)
    )


def test_acceptance_is_what_was_accepted_of_what_was_proposed():
    result = assembled(drafted=4, accepted=3)
    rate = result.estimates["acceptance_rate"]
    assert rate.value == pytest.approx(0.75)
    assert rate.low == rate.high == pytest.approx(0.75)
    assert result.estimates["tokens_per_step"].value == pytest.approx(1 + 1.5 / 4)  # batches of four


def test_the_energy_of_an_accepted_token_is_that_of_the_windows():
    result = assembled(drafted=4, accepted=3)
    run = raw_run()
    assert run.steps is not None
    energy = result.estimates["energy_per_accepted_token_j"]
    accepted = 3 * steps_in_windows(run.steps) / 2
    assert energy.value == pytest.approx(result.estimates["total_energy_j"].value / accepted)
    assert energy.low < energy.value < energy.high


def test_nothing_is_said_of_what_nothing_proposes():
    plain, idle = assemble(CONFIG, raw_run()).result, assembled(drafted=0, accepted=0)
    unreported = assemble(CONFIG, replace(raw_run(), steps=None)).result
    assert set(raw_run().steps.drafted_tokens.tolist()) == {UNKNOWN}
    for name in NAMES:
        assert plain.unknown[name] == idle.unknown[name] == NOTHING_PROPOSED
        assert unreported.unknown[name] == NO_STEPS


def test_the_reason_of_the_backend_stands_behind_what_it_does_not_report():
    raw = raw_run()
    assert raw.facts.model_info is not None
    because = {"steps": "beam search ends late", "token_times": "beam search tells nothing"}
    info = raw.facts.model_info.model_copy(update={"unknown": because})
    facts = raw.facts.model_copy(update={"model_info": info})
    silent = [
        replace(each, first_token_unix_ns=None, last_token_unix_ns=None, chunk_unix_ns=(), chunk_tokens=())
        for each in raw.requests.rows()
    ]
    requests = RequestTable.from_records(silent)
    result = assemble(CONFIG, replace(raw, facts=facts, requests=requests, steps=None)).result
    for name in (*NAMES, "attribution", "price_per_step_j"):
        assert result.unknown[name] == f"{NO_STEPS}: beam search ends late"
    first = "the backend reports no time of the first token: beam search tells nothing"
    assert result.unknown["ttft_s"] == result.latency["ttft_s"].unknown["p50"] == first
    assert result.unknown["tpot_s"] == "the backend reports no token times: beam search tells nothing"
    assert result.phase_split is not None
    assert (
        result.phase_split.reason == "no request states when its first token came: beam search tells nothing"
    )
    shown = [figure.name for figure in stated_figures(result, "work", everything=True)]
    assert not set(NAMES) & set(shown), "figures of speculation say nothing of a run without any"


def test_proposals_that_are_all_wrong_have_no_energy_per_accepted_token():
    result = assembled(drafted=2, accepted=0)
    assert result.estimates["acceptance_rate"].value == 0
    assert result.estimates["tokens_per_step"].value == 1
    assert result.unknown["energy_per_accepted_token_j"] == "a window has no accepted tokens"
