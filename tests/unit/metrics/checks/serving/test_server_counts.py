"""Counts and times of a server are compared with those of its client."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.server_side import RESTARTED, ServerWindow
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving.server_counts import check_server_counts_agree
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request, unix_ns

REQUESTS = [
    request("a", scheduled_s=1.0, token_s=[1.2 + 0.1 * step for step in range(50)]),
    request("b", scheduled_s=2.0, token_s=[2.2 + 0.1 * step for step in range(50)]),
]
"""100 tokens, the first of each 200 ms after it was sent."""


def warned(end_s: float = 9.0, **counted: Any) -> list[RunWarning]:
    window = Phase(name="window", repeat=0, start_unix_ns=unix_ns(0.5), end_unix_ns=unix_ns(end_s))
    server = ServerWindow(
        repeat=0, start_unix_ns=window.start_unix_ns, end_unix_ns=window.end_unix_ns, **counted
    )
    inputs = CheckInputs(
        config=ExperimentConfig(model="any", backend="standin", device="cpu"),
        rows=[WindowTotals(window=window, energy=TotalEnergy(energy_j=1.0))],
        energy=EnergyBreakdown(),
        account=EnergyAccount(Unmetered().trace()),
        requests=RequestTable.from_records(REQUESTS),
        server_windows=(server,),
    )
    return list(check_server_counts_agree(inputs))


@pytest.mark.parametrize(
    "counted", [{}, {"output_tokens": 100}, {"output_tokens": 91}, {"output_tokens": 110}]
)
def test_counts_within_ten_percent_agree(counted: dict[str, float]) -> None:
    assert warned(**counted) == []


@pytest.mark.parametrize(("counted", "fraction"), [(85, 0.15), (150, 0.5), (0, 1.0)])
def test_another_count_is_a_warning_with_its_size(counted: int, fraction: float) -> None:
    (warning,) = warned(output_tokens=counted)
    assert (warning.code, warning.severity) == ("server_counts_disagree", "warning")
    assert warning.magnitude == pytest.approx(fraction)
    assert f"100 output tokens, and the server counted {counted}" in warning.message


def test_tokens_of_requests_at_an_edge_are_no_difference() -> None:
    assert warned(end_s=6.15, output_tokens=100) == []  # b goes on after it


@pytest.mark.parametrize("mean_s", [0.2, 0.196, 0.185, 0.219])
def test_first_tokens_within_ten_percent_or_five_milliseconds_agree(mean_s: float) -> None:
    assert warned(ttft_mean_s=mean_s) == []


@pytest.mark.parametrize("mean_s", [0.15, 0.26])
def test_first_tokens_at_other_times_are_a_warning(mean_s: float) -> None:
    (warning,) = warned(ttft_mean_s=mean_s)
    assert warning.code == "server_ttft_disagrees"
    assert "is 200.0 ms from the sending on for the client" in warning.message
    assert f"{mean_s * 1e3:.1f} ms for the server" in warning.message


def test_a_server_that_was_started_again_makes_the_run_invalid() -> None:
    (warning,) = warned(unknown=RESTARTED)
    assert (warning.code, warning.severity) == ("server_restarted", "invalid")


def test_a_server_that_tells_nothing_is_no_warning() -> None:
    assert warned(unknown="it has no counters") == []
