"""Claims about what a request table must agree on, and what it need not."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.orchestration.verification.request_contradictions import request_contradictions
from tests.support.requests import request, unix_ns

PHASES = (
    Phase(name="warmup", start_unix_ns=unix_ns(0), end_unix_ns=unix_ns(5)),
    Phase(name="window", repeat=0, start_unix_ns=unix_ns(6), end_unix_ns=unix_ns(10)),
    Phase(name="window", repeat=1, start_unix_ns=unix_ns(11), end_unix_ns=unix_ns(15)),
)


def _messages(*requests: RequestRecord) -> list[str]:
    return [each.message for each in request_contradictions(RequestTable.from_records(requests), PHASES)]


def test_a_request_may_cross_the_edges_of_its_window() -> None:
    ends_late = request("a", scheduled_s=9, token_s=(9.5, 10.2, 10.4, 11.5))
    begins_early = request("b", scheduled_s=5.5, token_s=(5.8, 6.5))
    lasts_on = request("c", repeat=-1, scheduled_s=4, token_s=(4.5, 6.5))
    assert _messages(ends_late, begins_early, lasts_on) == []


def test_a_request_without_times_or_answer_contradicts_nothing() -> None:
    rejected = request("a", scheduled_s=7, status="rejected", sent_unix_ns=None)
    role_first = request("b", scheduled_s=7, token_s=(7.5, 8, 9), chunk_tokens=(0, 1, 4), output_tokens=5)
    times = {"first_token_unix_ns": unix_ns(8)}
    assert _messages(rejected, RequestRecord(**{**vars(role_first), **times})) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt_tokens": -5}, "has a negative count"),
        ({"chunk_tokens": (4, -1)}, "has a negative count"),
        ({"sent_unix_ns": unix_ns(6.5)}, "was not scheduled, sent, begun and ended in this order"),
        ({"closed_unix_ns": unix_ns(8.5)}, "was not scheduled, sent, begun and ended in this order"),
        ({"chunk_unix_ns": (unix_ns(9), unix_ns(8))}, "has times of chunks that run backwards"),
        ({"chunk_unix_ns": (unix_ns(6.5), unix_ns(9))}, "has times of chunks that run backwards"),
        ({"chunk_tokens": (1, 2)}, "has chunks whose tokens do not add up"),
        ({"output_tokens": 3}, "has chunks whose tokens do not add up"),
        ({"first_token_unix_ns": unix_ns(8.5)}, "has a first or last token at another time"),
        ({"last_token_unix_ns": None}, "has a first or last token at another time"),
        ({"repeat": 1}, "was scheduled in another window"),
        ({"repeat": -1}, "was scheduled in another window"),
        ({"repeat": 2}, "was scheduled in another window"),
    ],
)
def test_a_row_that_contradicts_itself_is_found(change: dict[str, Any], message: str) -> None:
    sound = request("a", scheduled_s=7, token_s=(8, 9), closed_unix_ns=unix_ns(9.2))
    assert _messages(sound) == []
    found = _messages(RequestRecord(**{**vars(sound), **change}), request("b", scheduled_s=8, token_s=(9,)))
    assert any(each.startswith(message) for each in found)


def test_the_first_bad_request_is_named_with_how_many_there_are() -> None:
    bad = [request(name, scheduled_s=7, token_s=(8,), output_tokens=2) for name in ("x", "y", "z")]
    (finding,) = request_contradictions(RequestTable.from_records(bad), None)
    assert finding.field == "x"
    assert finding.message.endswith(", and 2 more like it")


def test_two_requests_of_one_name_are_found() -> None:
    assert _messages(*[request("a", scheduled_s=7, token_s=(8,))] * 2) == ["stands for more than one request"]
