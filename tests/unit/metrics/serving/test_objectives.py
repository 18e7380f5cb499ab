"""Which requests are good, and how many kept each objective."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.domain.breakdowns.traffic import Attainment
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.serving.objectives import attainments, judge, limits_of
from tests.support.requests import request, unix_ns

SLO = SloConfig(ttft_s=0.5, tpot_s=0.1, percentile=75.0)
WINDOW = Phase(name="window", start_unix_ns=unix_ns(0.0), end_unix_ns=unix_ns(10.0), repeat=0)
GOOD = request("good", scheduled_s=1.0, token_s=(1.4, 1.5, 1.6))
LATE = request("late", scheduled_s=1.0, token_s=(1.6, 1.7, 1.8))
SLOW = request("slow", scheduled_s=1.0, token_s=(1.4, 1.6, 1.8))
ONE_TOKEN = request("one", scheduled_s=1.0, token_s=(1.4,))
ONE_LATE_TOKEN = request("one late", scheduled_s=1.0, token_s=(1.7,))
FAILED = request("failed", scheduled_s=1.0, token_s=(1.1, 1.2), status="error", error_kind="Reset")
EMPTY = request("empty", scheduled_s=1.0, closed_unix_ns=unix_ns(1.1))


def _good(*requests: RequestRecord) -> list[bool]:
    judged = judge(RequestTable.from_records(requests), limits_of(SLO))
    return list(map(bool, judged.good))


def _attainments(requests: Sequence[RequestRecord]) -> dict[str, Attainment]:
    table = RequestTable.from_records(requests)
    found = attainments(table, judge(table, limits_of(SLO)), [WINDOW], SLO)
    return {each.objective: each for each in found}


def test_a_good_request_is_answered_within_every_limit() -> None:
    assert _good(GOOD, LATE, SLOW) == [True, False, False]


def test_a_failed_request_is_not_good_however_fast_it_was() -> None:
    assert _good(FAILED) == [False]
    found = _attainments([GOOD, FAILED])
    assert [(each.requests, each.kept) for each in found.values()] == [(2, 1)] * 3


def test_the_limit_of_time_per_token_does_not_apply_to_answers_of_one_token() -> None:
    assert _good(ONE_TOKEN, ONE_LATE_TOKEN) == [True, False]
    found = _attainments([GOOD, ONE_TOKEN, ONE_LATE_TOKEN])
    assert (found["tpot_s"].requests, found["tpot_s"].not_applicable, found["tpot_s"].kept) == (1, 2, 1)
    assert (found["all"].requests, found["all"].not_applicable, found["all"].kept) == (3, 2, 2)


def test_an_answer_without_a_token_is_not_good() -> None:
    assert _good(EMPTY) == [False]
    assert judge(RequestTable.from_records([EMPTY]), {"tpot_s": 1.0}).good.tolist() == [False]


def test_a_request_that_ends_after_the_window_in_which_it_was_due_counts_there() -> None:
    very_late = request("very late", scheduled_s=9.0, token_s=(30.0, 30.1))
    before = request("before", scheduled_s=-1.0, token_s=(1.0, 1.1))
    assert _attainments([GOOD, very_late, before])["all"].requests == 2


def test_an_objective_is_met_with_certainty_only_where_the_whole_interval_is_beyond_it() -> None:
    found = _attainments([GOOD] * 3 + [LATE])["all"]
    assert (found.is_met, found.is_certain) == (True, False)
    assert _attainments([GOOD] * 100)["all"].is_certain
    missed = _attainments([GOOD, LATE] * 100)["all"]
    assert (missed.is_met, missed.is_certain) == (False, True)


def test_without_the_time_of_the_first_token_nothing_is_judged() -> None:
    untimed = request(
        "untimed",
        output_tokens=3,
        scheduled_s=1.0,
        closed_unix_ns=unix_ns(2.0),
    )
    found = _attainments([untimed, GOOD])
    assert found["ttft_s"].reason == "1 of 2 answers have no time of the first token"
    assert found["all"].fraction is None
    assert found["all"].reason == found["ttft_s"].reason


def test_without_requests_the_attainment_is_unknown() -> None:
    assert _attainments([])["all"].reason == "no request was due in the windows"
