"""Times of a server that differ from the client's are told by how many requests they concern."""

from __future__ import annotations

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.request import RequestRecord, ServerTimes
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving.server_times import check_server_times_agree
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request

SEEN = (0.2, 0.7, 1.2)
"""The first token after 0.2 s, the last a second later."""


def told(*records: RequestRecord) -> list[RunWarning]:
    row = WindowTotals(
        window=Phase(name="window", repeat=0, start_unix_ns=0, end_unix_ns=2 * 10**18),
        energy=TotalEnergy(energy_j=5.0),
        served=RequestTable.from_records(records),
    )
    config = ExperimentConfig(model="any", backend="standin", device="cpu")
    account = EnergyAccount(Unmetered().trace())
    inputs = CheckInputs(config=config, rows=[row], energy=EnergyBreakdown(), account=account)
    return list(check_server_times_agree(inputs))


def served(server: ServerTimes | None) -> RequestRecord:
    return request("a", token_s=SEEN, server=server)


@pytest.mark.parametrize(
    "server",
    [
        None,
        ServerTimes(queued_s=0.05, prefill_s=0.15, decode_s=1.0),
        ServerTimes(queued_s=0.05, prefill_s=0.132, decode_s=0.91),
        ServerTimes(prefill_s=0.02),
        ServerTimes(queued_s=5.0),
    ],
)
def test_times_that_agree_within_ten_percent_or_are_not_told_raise_nothing(
    server: ServerTimes | None,
) -> None:
    assert told(served(server)) == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (
            ServerTimes(queued_s=0.0, prefill_s=0.15),
            "the first token took 0.2 s by the client and 0.15 s by the server",
        ),
        (ServerTimes(prefill_s=0.3), "the first token took 0.2 s by the client and 0.3 s by the server"),
        (ServerTimes(decode_s=0.5), "the answer took 1 s by the client and 0.5 s by the server"),
    ],
)
def test_times_that_disagree_are_told_with_both(server: ServerTimes, words: str) -> None:
    (warning,) = told(served(server))
    assert warning.code == "server_times_disagree"
    assert words in warning.message
    assert warning.severity == "warning"


def test_one_request_of_many_is_only_a_remark() -> None:
    right = [served(ServerTimes(decode_s=1.0)) for _ in range(39)]
    (warning,) = told(*right, served(ServerTimes(decode_s=0.5)))
    assert warning.magnitude == pytest.approx(1 / 40)
    assert warning.severity == "info"
