"""A bundle that was stored by an older version is read as the present schema has it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.orchestration.verification.verify import verify_bundle
from llenergymeasure.results.migrate import STEPS
from llenergymeasure.results.opening import Bundle, open_bundle
from llenergymeasure.results.versions import DRAFT, is_newer, version_problem

STORED = Path(__file__).parents[2] / "data" / "bundle-2.0.0-draft"
"""Written by the code before the packages of 2.0.0 were settled (its version then had no `-draft`)."""


@pytest.fixture
def bundle() -> Bundle:
    return open_bundle(STORED)


def test_figures_of_an_older_bundle_are_those_that_were_stored(bundle: Bundle) -> None:
    stored = json.loads((STORED / "result.json").read_text())
    result = bundle.result
    assert result.schema_version == SCHEMA_VERSION
    assert stored["schema_version"] == DRAFT
    for name in (
        "total_energy_j",
        "energy_per_output_token_j",
        "ttft_s",
        "tpot_s",
        "output_tokens",
        "total_requests",
    ):
        assert getattr(result, name) == stored[name]
    assert result.idle_power_w == stored["energy"]["idle_power_w"]
    assert [each.included_in_total for each in result.energy.by_device] == [True]
    assert result.interference.before is not None
    assert result.interference.before.foreign_cpu_cores == stored["isolation"]["before"]["foreign_cpu_cores"]


def test_facts_are_found_where_the_older_bundle_had_them(bundle: Bundle) -> None:
    assert bundle.facts.experiment_id == "20231114T221320-any-01234567"
    assert bundle.facts.model_info is not None
    assert bundle.facts.snapshot is not None
    assert (bundle.facts.warmup_ended, bundle.facts.stopped_because) == ("steady", "fixed")
    assert not bundle.is_interrupted


def test_figures_are_recomputed_from_an_older_bundles_tables(bundle: Bundle) -> None:
    assert bundle.trace.channels[0].included_in_total
    raw = RawRun(facts=bundle.facts, trace=bundle.trace, phases=bundle.phases, requests=bundle.requests)
    recomputed, stored = assemble(bundle.config, raw).result, bundle.result
    assert recomputed.total_energy_j == pytest.approx(stored.total_energy_j)
    assert recomputed.output_tokens == stored.output_tokens
    assert recomputed.ttft_s == pytest.approx(stored.ttft_s)
    assert recomputed.tpot_s == pytest.approx(stored.tpot_s)


def test_files_of_an_older_bundle_are_not_reported_as_missing_or_broken(tmp_path: Path) -> None:
    folder = shutil.copytree(STORED, tmp_path / "20231114T221320-any-01234567")
    messages = [finding.message for finding in verify_bundle(folder).findings]
    assert [text for text in messages if not text.startswith("stored ")] == []


def test_steps_lead_from_each_version_to_the_next_and_end_at_the_present_one() -> None:
    assert [step.target for step in STEPS] == [*(step.source for step in STEPS[1:]), SCHEMA_VERSION]


def test_only_the_same_major_version_is_read() -> None:
    assert version_problem(DRAFT) is None
    assert version_problem("2.31.4") is None
    for version in ("1.9.9", "3.0.0", "2", None, 2):
        assert version_problem(version) is not None


def test_versions_are_ordered_as_numbers() -> None:
    assert is_newer("2.10.0")
    assert is_newer("2.0.1")
    assert not is_newer(SCHEMA_VERSION)
    assert not is_newer(DRAFT)
