"""Requests come back from Parquet and from the spool as they were, and nothing that was not written passes for one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.request import RequestRecord, ServerTimes
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.results.parquet.requests import read_requests, write_requests
from llenergymeasure.results.request_spool import read_spool, spool_line
from tests.support.requests import request

COUNTS = st.integers(0, 2**31 - 1)
TIMES = st.integers(0, 2**62)
CHUNKS = st.lists(st.tuples(TIMES, COUNTS), max_size=5)
SERVER = st.builds(ServerTimes, queued_s=st.floats(0, 1e6), decode_s=st.none() | st.floats(0, 1e6))


@st.composite
def _records(draw: st.DrawFn) -> RequestRecord:
    chunks = draw(CHUNKS)
    return RequestRecord(
        request_id=draw(st.text(max_size=10)),
        repeat=draw(st.integers(-1, 100)),
        status=draw(st.sampled_from(["ok", "error", "timeout", "cancelled", "rejected"])),
        error_kind=draw(st.none() | st.text(max_size=10)),
        prompt_tokens=draw(COUNTS),
        cached_prompt_tokens=draw(st.none() | COUNTS),
        output_tokens=draw(COUNTS),
        scheduled_unix_ns=draw(TIMES),
        sent_unix_ns=draw(st.none() | TIMES),
        first_token_unix_ns=draw(st.none() | TIMES),
        last_token_unix_ns=draw(st.none() | TIMES),
        closed_unix_ns=draw(TIMES),
        chunk_unix_ns=tuple(time_ns for time_ns, _ in chunks),
        chunk_tokens=tuple(tokens for _, tokens in chunks),
        finish_reason=draw(st.sampled_from(["stop", "length", None])),
        server=draw(st.none() | SERVER),
        batch=draw(st.none() | COUNTS),
    )


@settings(max_examples=50, deadline=None)
@given(records=st.lists(_records(), max_size=6))
def test_requests_come_back_from_parquet(
    tmp_path_factory: pytest.TempPathFactory, records: list[RequestRecord]
) -> None:
    path = tmp_path_factory.mktemp("requests") / "requests.parquet"
    write_requests(RequestTable.from_records(records), path)
    assert list(read_requests(path).rows()) == records


@settings(max_examples=50, deadline=None)
@given(records=st.lists(_records(), max_size=6))
def test_requests_come_back_from_the_spool(
    tmp_path_factory: pytest.TempPathFactory, records: list[RequestRecord]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "requests.jsonl"
    path.write_text("".join(spool_line(record) for record in records), encoding="utf-8", newline="\n")
    assert list(read_spool(path).rows()) == records


def test_a_line_cut_off_by_a_kill_costs_only_its_request(tmp_path: Path) -> None:
    lines = [spool_line(request(name, token_s=(1.0, 2.0))) for name in ("a", "b")]
    (tmp_path / "requests.jsonl").write_text("".join(lines)[:-20])
    assert read_spool(tmp_path / "requests.jsonl").request_id.tolist() == ["a"]


def test_unknown_values_are_null_on_disk_never_zero(tmp_path: Path) -> None:
    write_requests(RequestTable.from_records([request(sent_unix_ns=None)]), tmp_path / "requests.parquet")
    (row,) = pq.read_table(tmp_path / "requests.parquet").to_pylist()
    unknown = {name for name, value in row.items() if value is None}
    assert unknown == {
        "error_kind",
        "cached_prompt_tokens",
        "sent_unix_ns",
        "first_token_unix_ns",
        "first_answer_unix_ns",
        "last_token_unix_ns",
        "tokens_estimated",
        "server_queued_s",
        "server_prefill_s",
        "server_decode_s",
        "batch",
    }


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("closed_unix_ns", None, "closed_unix_ns: is null in 1 rows"),
        ("status", "lost", "status: 'lost' has no meaning"),
        ("finish_reason", "bored", "finish_reason: 'bored' has no meaning"),
        ("chunk_unix_ns", None, "chunk_unix_ns: is null in 1 rows"),
        ("chunk_unix_ns", [None, 5], "chunk_unix_ns: has nulls in it"),
        ("chunk_tokens", [1], "chunk_tokens: has not as many entries"),
    ],
)
def test_a_table_that_no_run_wrote_is_refused(
    tmp_path: Path, column: str, value: object, message: str
) -> None:
    path = tmp_path / "requests.parquet"
    write_requests(RequestTable.from_records([request(token_s=(1.0, 2.0))]), path)
    stored = pq.read_table(path)
    field = stored.schema.field(column)
    changed = stored.set_column(stored.schema.get_field_index(column), field, pa.array([value], field.type))
    pq.write_table(changed, path)
    with pytest.raises(ValueError, match=message):
        read_requests(path)
