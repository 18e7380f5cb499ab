"""Views open one part of a result each: on screen, and as data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.report.summary.format import estimate_text
from llenergymeasure.report.summary.views.document import VIEWS
from llenergymeasure.report.summary.views.prices import in_mj
from tests.support.bundles import write_run


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("views"))


def shown(bundle: Path, *options: str) -> str:
    ended = CliRunner().invoke(app, ["show", str(bundle), *options])
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_an_option_and_has_the_same_content_as_data(bundle, view):
    text = shown(bundle, f"--{view}")
    assert text.startswith("any · standin")
    document = json.loads(shown(bundle, f"--{view}", "--json"))
    assert list(document) == ["verdict", view]
    assert document[view]


def test_every_view_begins_with_the_verdict(bundle):
    """A person who opens one part of an invalid result must see that it is invalid."""
    verdict = json.loads((bundle / "result.json").read_text())["verdict"]
    assert json.loads(shown(bundle, "--prices", "--json"))["verdict"] == verdict
    rows = shown(bundle, "--prices").split("\n\n")[1]
    assert rows.split()[0] == "Verdict"


def test_several_views_stand_below_each_other_under_one_title(bundle):
    text = shown(bundle, *(f"--{view}" for view in VIEWS))
    assert text.count("any · standin") == 1
    document = json.loads(shown(bundle, *(f"--{view}" for view in VIEWS), "--json"))
    assert list(document) == ["verdict", *VIEWS]


def test_energy_shows_power_over_the_phases_of_the_run(bundle):
    lines = shown(bundle, "--energy").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Power over"))
    assert "from 0 to 300.0 W" in lines[at]
    line, names = lines[at + 1], lines[at + 2]
    assert line[names.index("idle")] == "▃"
    assert line[names.index("window 1")] == "█"


def test_energy_is_stated_gross_net_and_marginal(bundle):
    text = shown(bundle, "--energy")
    for label in (
        "Energy per output token",
        "Net energy per output token",
        "Marginal energy per output token",
    ):
        assert f"  {label} " in text
    figures = json.loads(shown(bundle, "--energy", "--json"))["energy"]["figures"]
    assert figures["net_energy_per_1000_requests_wh"]["unit"] == "Wh"
    assert figures["energy_per_computed_input_token_j"]["value"] is None
    assert figures["energy_per_computed_input_token_j"]["reason"]


def test_a_result_alone_without_its_tables_cannot_be_opened_further(bundle, tmp_path):
    alone = tmp_path / "result.json"
    alone.write_text((bundle / "result.json").read_text())
    ended = CliRunner().invoke(app, ["show", str(alone), "--energy"])
    assert ended.exit_code == 6
    assert "there is no phases.parquet" in ended.output


def test_latency_states_each_metric_with_its_interval_and_why_a_percentile_is_unknown(bundle):
    lines = shown(bundle, "--latency").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  TTFT, ms "))
    assert lines[at].split() == ["TTFT,", "ms", "60", "50.00", "50.00", "-", "-", "-", "50.00"]
    assert lines[at + 1].split() == ["95", "%", "interval", "from", "50.00", "50.00"]
    assert any(line.startswith("p99 needs at least ") for line in lines)
    assert "Time to first token of 60 requests" in lines


def test_a_table_of_latency_fits_eighty_columns(bundle):
    table = shown(bundle, "--latency").split("\n\n")[2]
    assert max(map(len, table.splitlines())) <= 80


def test_energy_is_split_into_prefill_and_decode(bundle):
    lines = shown(bundle, "--energy").splitlines()
    at = lines.index("Prefill and decode")
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == ["Prefill", "Decode", "Rest"]
    summary = shown(bundle).splitlines()
    assert any(line.startswith("  Prefill  ") for line in summary)
    split = json.loads(shown(bundle, "--energy", "--json"))["energy"]["phase_split"]
    assert split["method"] is not None


def test_requests_idle_and_overhead_add_up_to_the_energy_of_the_windows(bundle):
    text = shown(bundle, "--requests")
    assert "Energy of the windows" in text
    document = json.loads(shown(bundle, "--requests", "--json"))["requests"]
    energy_j = json.loads((bundle / "result.json").read_text())["total_energy_j"]
    assert sum(row["energy_j"] for row in document["rows"]) == pytest.approx(energy_j, rel=1e-9)
    assert {row["kind"] for row in document["rows"]} == {"request", "idle", "overhead"}
    assert next(row for row in document["rows"] if row["kind"] == "idle")["request_id"] is None


def test_prices_say_why_they_are_unknown_and_where_they_are_valid(bundle):
    text = shown(bundle, "--prices")
    assert "One more prompt token" in text
    assert "not identifiable" in text
    assert "  Requests in a step    " in text


def test_a_price_is_stated_in_millijoules():
    price = Estimate(value=0.0125, low=0.012, high=0.013, unit="J/token", method="derived")
    assert estimate_text(in_mj(price)) == "12.50 ± 0.50 mJ/token"


def test_work_states_flops_and_bytes_by_phase_and_each_reason_once(bundle):
    text = shown(bundle, "--work")
    assert "  Prefill FLOPs (model)    " in text
    assert re.search(r"KV cache of one token +256 B", text)
    assert text.count("  unknown [1]\n") >= 6
    assert text.count("[1] Unknown: the backend does not state on which devices the model lies.") == 1


def test_a_view_of_an_interrupted_run_is_refused_and_never_ignored(tmp_path):
    interrupted = write_run(tmp_path, interrupted=True)
    ended = CliRunner().invoke(app, ["show", str(interrupted), "--latency", "--prices"])
    assert ended.exit_code == 6
    assert "has no result for --latency, --prices to open" in ended.output
