"""A workload that is not what the settings suggest is told: smaller batches, repeated prompts, no chat template."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks import workload
from llenergymeasure.metrics.checks.inputs import Check, CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request


def _told(check: Check, *, batch: int | None = 0, **inputs: Any) -> list[RunWarning]:
    settings = inputs.pop("settings", {})
    row = WindowTotals(
        window=Phase(name="window", repeat=0, start_unix_ns=0, end_unix_ns=10**9),
        energy=TotalEnergy(energy_j=5.0),
        served=RequestTable.from_records([request("a", batch=batch)]),
    )
    config = ExperimentConfig.model_validate({"model": "any", "backend": "standin", **settings})
    account = EnergyAccount(Unmetered().trace())
    return list(
        check(CheckInputs(config=config, rows=[row], energy=EnergyBreakdown(), account=account, **inputs))
    )


def _severities(warnings: list[RunWarning]) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in warnings]


@pytest.mark.parametrize(
    ("n_prompts", "batch_size", "severity", "words"),
    [
        (4, 64, "warning", "of 4"),
        (100, 64, "warning", "the last one of 36"),
        (100, 8, "info", "the last one of 4"),
        (96, 8, None, ""),
        (4, 1, None, ""),
    ],
)
def test_batches_that_were_not_filled_are_told_by_how_much(
    n_prompts: int, batch_size: int, severity: str | None, words: str
) -> None:
    told = _told(
        workload.check_batches_are_filled,
        settings={"workload": {"n_prompts": n_prompts}},
        max_batch_size=batch_size,
    )
    assert [each.severity for each in told] == ([severity] if severity else [])
    assert all(words in each.message for each in told)


def test_continuous_batches_are_only_short_where_the_pass_is() -> None:
    for n_prompts, count in ((4, 1), (100, 0)):
        settings = {"workload": {"n_prompts": n_prompts}}
        check = workload.check_batches_are_filled
        assert len(_told(check, batch=None, settings=settings, max_batch_size=64)) == count


def test_prompts_that_come_again_are_told() -> None:
    check = workload.check_prompts_are_distinct
    repeated = Fingerprints(prompts=100, distinct_prompts=7)
    assert _severities(_told(check, fingerprints=repeated)) == [("prompts_repeated", "info")]
    assert _told(check, fingerprints=Fingerprints(prompts=100, distinct_prompts=100)) == []
    assert _told(check, fingerprints=None) == []


def test_more_clients_than_prompts_are_a_warning() -> None:
    check, prints = workload.check_prompts_are_distinct, Fingerprints(prompts=4, distinct_prompts=4)
    many, few = ({"load": {"kind": "closed", "concurrency": number}} for number in (64, 4))
    assert _severities(_told(check, settings=many, fingerprints=prints)) == [
        ("clients_share_prompts", "warning")
    ]
    assert _told(check, settings=few, fingerprints=prints) == []


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({}, True),
        ({"workload": {"chat_template": True}}, False),
        ({"workload": {"dataset": "synthetic"}}, False),
        ({"decoder": {"ignore_eos": True}}, False),
    ],
)
def test_an_instruct_model_without_its_template_is_told(settings: dict[str, Any], is_told: bool) -> None:
    check = workload.check_chat_template_is_used
    prints = Fingerprints(chat_template_sha256="0" * 64)
    assert bool(_told(check, settings=settings, fingerprints=prints)) == is_told
    assert _told(check, settings=settings, fingerprints=Fingerprints()) == []


@pytest.mark.parametrize(
    ("fraction", "severities"),
    [(1.0, ["invalid"]), (0.5, ["warning"]), (0.05, ["info"]), (0.01, []), (0.0, []), (None, [])],
)
def test_prompts_of_unknown_tokens_are_told_by_their_share(
    fraction: float | None, severities: list[str]
) -> None:
    told = _told(workload.check_prompts_reach_the_model, prompt_facts=PromptFacts(unknown_fraction=fraction))
    assert _severities(told) == [("prompts_unknown", severity) for severity in severities]


def test_a_template_that_asks_for_no_answer_is_a_warning() -> None:
    check = workload.check_prompts_reach_the_model
    for opens, told in ((False, [("answer_not_asked_for", "warning")]), (True, []), (None, [])):
        assert _severities(_told(check, prompt_facts=PromptFacts(opens_answer=opens))) == told
    assert _told(check, prompt_facts=None) == []


def test_prompts_with_the_date_of_the_run_are_told() -> None:
    check = workload.check_prompts_reach_the_model
    for reads, told in ((True, [("prompts_dated", "info")]), (False, []), (None, [])):
        assert _severities(_told(check, prompt_facts=PromptFacts(reads_clock=reads))) == told


@pytest.mark.parametrize(
    ("top_k", "codes"), [(None, []), (399, []), (400, ["top_k_unused"]), (10**9, ["top_k_unused"])]
)
def test_a_top_k_that_leaves_no_token_out_is_told(top_k: int | None, codes: list[str]) -> None:
    info = ModelInfo(
        name="any", architecture="Any", n_parameters=1, n_matmul_parameters=1, vocab_size=400, dtype="float32"
    )
    told = _told(workload.check_top_k_has_an_effect, settings={"decoder": {"top_k": top_k}}, model_info=info)
    assert [each.code for each in told] == codes
    assert not _told(workload.check_top_k_has_an_effect, settings={"decoder": {"top_k": top_k}})
