"""A client that does not send what is due when it is due is found, and one that does is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from llenergymeasure.backends.base import Chunk, ScheduledRequest
from llenergymeasure.config.load import OpenLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown, RunWarning
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.request_log import RequestLog
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving.client import check_client_kept_up
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.protocol.client_lateness import client_lateness
from llenergymeasure.testing import StreamingStandInBackend, VirtualClock
from tests.support.driving import timed
from tests.support.requests import request, unix_ns

WINDOW = Phase(name="window", start_unix_ns=unix_ns(0), end_unix_ns=unix_ns(10), repeat=0)


def _sent(lateness_s: Sequence[float], ttft_s: float = 0.02) -> RequestTable:
    """A hundred requests in the window, the first of them as late as given."""
    late = [*lateness_s, *[0.0] * (100 - len(lateness_s))]
    return RequestTable.from_records(
        request(
            f"r{number}",
            scheduled_s=number * 0.09,
            token_s=(number * 0.09 + each + ttft_s,),
            sent_unix_ns=unix_ns(number * 0.09 + each),
        )
        for number, each in enumerate(late)
    )


def _warnings(table: RequestTable, phases: Sequence[Phase] = (WINDOW,), **load: object) -> list[RunWarning]:
    config = ExperimentConfig.model_validate(
        {"model": "any", "load": {"kind": "open", "rate_per_s": 10.0, **load}}
    )
    account = EnergyAccount(Unmetered().trace())
    inputs = CheckInputs(
        config=config,
        rows=window_totals(account, phases, table),
        energy=EnergyBreakdown(),
        account=account,
        requests=table,
        client=[
            ClientWindow(repeat=0, duration_s=10.0, loop_lag_p99_s=0.001, loop_lag_max_s=0.0304, cpu_s=2.0)
        ],
    )
    return list(check_client_kept_up(inputs))


def test_a_client_that_is_as_late_as_its_timer_has_no_warning() -> None:
    assert _warnings(_sent([0.0015] * 100)) == []


def test_one_request_of_a_hundred_may_be_late_and_two_may_not() -> None:
    assert _warnings(_sent([0.5])) == []
    (warning,) = _warnings(_sent([0.5, 0.5]))
    assert (warning.code, warning.severity) == ("client_late", "warning")
    assert warning.message == (
        "2.0% of the 100 requests that were due in the windows were sent more than 2 ms late, and 0 not by the end of "
        "their window; the client's event loop was busy for 20% of the time, and up to 30.4 ms late."
    )


def test_what_counts_as_late_grows_with_the_time_to_first_token() -> None:
    assert _warnings(_sent([0.01] * 100, ttft_s=0.4)) == []
    assert len(_warnings(_sent([0.03] * 100, ttft_s=0.4))) == 1


def test_a_rate_that_falls_short_by_more_than_five_percent_makes_the_run_invalid() -> None:
    def unsent(number: int) -> RequestRecord:
        return request(
            f"u{number}",
            scheduled_s=9.5,
            sent_unix_ns=None,
            status="cancelled",
            error_kind="NotSent",
            closed_unix_ns=unix_ns(11),
        )

    table = _sent([])
    six = RequestTable.concatenate([table, RequestTable.from_records(map(unsent, range(6)))])
    (warning,) = _warnings(six)
    assert warning.severity == "invalid"
    four = RequestTable.concatenate([table, RequestTable.from_records(map(unsent, range(4)))])
    assert [each.severity for each in _warnings(four)] == ["warning"]


def test_waiting_for_a_free_place_is_not_the_clients_lateness() -> None:
    """One request at a time, each of a second, due every half a second."""
    table = RequestTable.from_records(
        request(
            f"r{number}",
            scheduled_s=number * 0.5,
            token_s=(number + 1.0,),
            sent_unix_ns=unix_ns(number),
        )
        for number in range(10)
    )
    assert _warnings(table, max_in_flight=1) == []
    assert [each.severity for each in _warnings(table)] == ["warning"]


def test_nothing_is_said_of_a_load_without_times_of_its_own() -> None:
    config = ExperimentConfig.model_validate({"model": "any"})
    account = EnergyAccount(Unmetered().trace())
    inputs = CheckInputs(config=config, rows=(), energy=EnergyBreakdown(), account=account)
    assert list(check_client_kept_up(inputs)) == []


class Costly(StreamingStandInBackend):
    """Takes 20 milliseconds of the client's processor for each request: 50 a second are possible."""

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        self._clock.sleep(0.02)
        async for chunk in super().stream(request):
            yield chunk


def _costly_window(rate_per_s: float, seed: int) -> tuple[RequestTable, Phase]:
    clock, backend = VirtualClock(), Costly()
    log = RequestLog()
    options = {"prefill_s": 0.02, "output_tokens": 1}
    backend.load(ExperimentConfig(model="any", backend="standin_streaming", standin_streaming=options), clock)
    load = OpenLoad(kind="open", rate_per_s=rate_per_s)
    prompts = [Prompt(prompt_id=f"p{number}", n_tokens=4, token_seed=number) for number in range(10)]
    driver = timed(load, backend, prompts, clock, seed=seed)
    with driver.traffic(0, log.append) as traffic:
        start_ns = clock.now_ns()
        traffic.serve_window(WindowPlan(min_duration_s=0.6))
        end_ns = clock.now_ns()
    driver.drain()
    driver.close()
    return log.table(), Phase(name="window", start_unix_ns=start_ns, end_unix_ns=end_ns, repeat=0)


def test_an_impossible_rate_is_found_in_fifty_of_fifty_seeds() -> None:
    severities = []
    for seed in range(50):
        table, window = _costly_window(100.0, seed)
        severities += [each.severity for each in _warnings(table, [window], rate_per_s=100.0)]
    assert severities == ["invalid"] * 50


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_of_a_tenth_of_what_is_possible_is_kept(seed: int) -> None:
    table, window = _costly_window(5.0, seed)
    found = client_lateness(table, [window])
    assert found is not None
    assert found.missing_fraction == 0.0
