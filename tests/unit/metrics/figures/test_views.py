"""Views of energy are the same energy over another count, each with the idle energy of its basis subtracted."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.orchestration.assemble import assemble
from tests.support.bundles import CONFIG, raw_run

COUNTS = {
    "output_token": "output_tokens",
    "input_token": "input_tokens",
    "token": "total_tokens",
    "request": "total_requests",
}
TOTALS = {"": "total_energy_j", "net_": "net_energy_j", "marginal_": "marginal_energy_j"}


@pytest.fixture(scope="module")
def result() -> ExperimentResult:
    return assemble(CONFIG, raw_run()).result


@pytest.mark.parametrize("basis", TOTALS)
@pytest.mark.parametrize("divisor", COUNTS)
def test_each_view_is_the_energy_of_its_basis_over_its_count(result, basis, divisor):
    stated = result.estimates[f"{basis}energy_per_{divisor}_j"]
    total, count = result.estimates[TOTALS[basis]].value, result.estimates[COUNTS[divisor]].value
    assert stated.value == pytest.approx(total / count)
    assert stated.low < stated.value < stated.high


@pytest.mark.parametrize("basis", ["", "net_"])
def test_tokens_per_joule_are_the_inverse_of_joules_per_token_with_an_interval_of_their_own(result, basis):
    per_token = result.estimates[f"{basis}energy_per_output_token_j"]
    inverse = result.estimates[f"{basis}output_tokens_per_j"]
    assert inverse.value * per_token.value == pytest.approx(1.0)
    assert inverse.low == pytest.approx(1 / per_token.high)
    assert inverse.high == pytest.approx(1 / per_token.low)


def test_tokens_per_joule_are_unknown_where_no_energy_is_left(result):
    assert result.estimates["marginal_energy_j"].value <= 0
    assert result.unknown["marginal_output_tokens_per_j"] == "the marginal energy is not above 0"


@pytest.mark.parametrize("basis", TOTALS)
def test_a_thousand_requests_are_stated_in_watt_hours(result, basis):
    per_request_j = result.estimates[f"{basis}energy_per_request_j"].value
    wh = result.estimates[f"{basis}energy_per_1000_requests_wh"]
    assert wh.value == pytest.approx(per_request_j * 1000 / 3600)
    assert wh.unit == "Wh"


def test_cached_prompt_tokens_are_unknown_where_the_backend_does_not_report_them(result):
    assert result.unknown["cached_input_tokens"] == "the backend does not report cached tokens"
    unknown = "the computed input tokens of a window are unknown"
    assert result.unknown["energy_per_computed_input_token_j"] == unknown
