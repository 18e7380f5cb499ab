"""Claims about which window tokens and requests belong to."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llenergymeasure.domain.request import RequestRecord, ServerTimes
from llenergymeasure.domain.request_table import COLUMNS, RequestTable
from tests.support.requests import request, unix_ns

EDGES_S = st.lists(st.floats(0, 20), min_size=2, max_size=6, unique=True).map(sorted)


@st.composite
def _requests(draw: st.DrawFn) -> RequestRecord:
    scheduled_s = draw(st.floats(0, 10))
    steps = draw(st.lists(st.floats(0, 1), max_size=8))
    token_s = (scheduled_s + np.cumsum(steps)).tolist()
    tokens = draw(st.lists(st.integers(0, 3), min_size=len(token_s), max_size=len(token_s)))
    made = request(scheduled_s=scheduled_s, token_s=token_s, chunk_tokens=tokens, output_tokens=sum(tokens))
    if draw(st.booleans()):
        return made
    unknown = {"chunk_unix_ns": (), "chunk_tokens": ()}
    return RequestRecord(**{**vars(made), **unknown, "status": draw(st.sampled_from(["ok", "error"]))})


@given(requests=st.lists(_requests(), max_size=6), edges_s=EDGES_S)
def test_adjacent_windows_share_out_every_token_once(
    requests: list[RequestRecord], edges_s: list[float]
) -> None:
    table = RequestTable.from_records(requests)
    edges = [unix_ns(-1), *(unix_ns(each) for each in edges_s), unix_ns(100)]
    windows = list(pairwise(edges))
    whole = edges[0], edges[-1]
    assert sum(table.output_tokens_in(*each) for each in windows) == table.output_tokens_in(*whole)
    assert sum(table.prompt_tokens_in(*each) for each in windows) == table.prompt_tokens_in(*whole)
    assert sum(int(table.ended_in(*each).sum()) for each in windows) == len(requests)
    assert table.output_tokens_in(*whole) == sum(each.output_tokens for each in requests)


def test_tokens_of_a_request_that_crosses_an_edge_belong_to_both_windows() -> None:
    table = RequestTable.from_records([request(scheduled_s=0.5, token_s=(1.0, 2.0, 3.0, 4.0))])
    before, after = (unix_ns(0), unix_ns(2.5)), (unix_ns(2.5), unix_ns(5))
    assert [table.output_tokens_in(*each) for each in (before, after)] == [2, 2]
    assert [table.prompt_tokens_in(*each) for each in (before, after)] == [10, 0]
    assert [table.ended_in(*each).tolist() for each in (before, after)] == [[False], [True]]
    assert [table.is_cut_by(*each).tolist() for each in (before, after)] == [[True], [True]]
    assert table.lies_within(unix_ns(0), unix_ns(5)).tolist() == [True]


def test_tokens_without_times_are_spread_over_their_request() -> None:
    known = {
        "first_token_unix_ns": unix_ns(1),
        "last_token_unix_ns": unix_ns(4),
        "closed_unix_ns": unix_ns(4),
    }
    unknown = {"closed_unix_ns": unix_ns(4)}
    for fields_, in_halves in ((known, [2, 2]), (unknown, [2, 2])):
        table = RequestTable.from_records([request(output_tokens=4, **fields_)])
        halves = (unix_ns(0), unix_ns(2)), (unix_ns(2), unix_ns(4))
        assert [table.output_tokens_in(*each) for each in halves] == in_halves


def test_a_prompt_that_failed_before_its_first_token_counts_nowhere() -> None:
    failed = [
        request("refused", status="rejected", closed_unix_ns=unix_ns(1)),
        request("broken", status="error", token_s=(0.5,), closed_unix_ns=unix_ns(1)),
    ]
    table = RequestTable.from_records(failed)
    assert table.prompt_tokens_in(unix_ns(0), unix_ns(2)) == 10
    assert table.output_tokens_in(unix_ns(0), unix_ns(2)) == 1


def test_every_column_is_named_once() -> None:
    chunks = ["chunk_offsets", "chunk_unix_ns", "chunk_tokens"]
    assert [name for name, _ in COLUMNS] + chunks == [field.name for field in fields(RequestTable)]


@given(requests=st.lists(_requests(), max_size=6), data=st.data())
def test_selected_rows_keep_their_chunks(requests: list[RequestRecord], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.booleans(), min_size=len(requests), max_size=len(requests)))
    table = RequestTable.from_records(requests)
    kept = [each for each, keep in zip(table.rows(), chosen, strict=True) if keep]
    assert list(table.select(np.array(chosen, dtype=bool)).rows()) == kept


@given(parts=st.lists(st.lists(_requests(), max_size=3), max_size=4))
def test_tables_one_below_the_other_are_one_table(parts: list[list[RequestRecord]]) -> None:
    whole = RequestTable.concatenate([RequestTable.from_records(part) for part in parts])
    assert list(whole.rows()) == list(
        RequestTable.from_records([each for part in parts for each in part]).rows()
    )


def test_a_record_comes_back_from_its_row() -> None:
    record = request(
        token_s=(1.0, 2.0),
        server=ServerTimes(queued_s=0.25),
        cached_prompt_tokens=0,
        error_kind=None,
        batch=0,
    )
    assert list(RequestTable.from_records([record]).rows()) == [record]


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        RequestTable.from_records([request()]).output_tokens[0] = 5


def test_times_of_chunks_without_their_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="2 times of chunks, but 0 counts of their tokens"):
        request(token_s=(1.0, 2.0), chunk_tokens=())
