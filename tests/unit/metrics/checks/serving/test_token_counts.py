"""A result says so where the server did not count tokens."""

from __future__ import annotations

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving.token_counts import check_tokens_are_counted
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request


@pytest.mark.parametrize(
    ("estimated", "told"),
    [
        (None, []),
        ("spread", [("chunk_tokens_spread", "info")]),
        ("assumed", [("output_tokens_assumed", "warning")]),
    ],
)
def test_estimated_tokens_are_told(estimated: str | None, told: list[tuple[str, str]]) -> None:
    requests = [request("a", token_s=(1.0, 2.0), tokens_estimated=estimated), request("b", token_s=(1.0,))]
    row = WindowTotals(
        window=Phase(name="window", repeat=0, start_unix_ns=0, end_unix_ns=10**9),
        energy=TotalEnergy(energy_j=5.0),
        served=RequestTable.from_records(requests),
    )
    inputs = CheckInputs(
        config=ExperimentConfig(model="any", backend="standin"),
        rows=[row],
        energy=EnergyBreakdown(),
        account=EnergyAccount(Unmetered().trace()),
    )
    warnings = list(check_tokens_are_counted(inputs))
    assert [(each.code, each.severity) for each in warnings] == told
    assert all("1 of 2 answers" in each.message for each in warnings)
