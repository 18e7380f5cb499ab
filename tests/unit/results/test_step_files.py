"""The step table on disk: what is written is read again, and nothing is made of what is unknown."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.results.parquet.steps import read_steps, write_steps

STEPS = [
    StepRecord(
        start_unix_ns=10, end_unix_ns=20, prefill_tokens=7, decode_tokens=0, requests=2, context_tokens=7
    ),
    StepRecord(
        start_unix_ns=20,
        end_unix_ns=25,
        prefill_tokens=0,
        decode_tokens=3,
        requests=1,
        context_tokens=2**33,
        drafted_tokens=4,
        accepted_tokens=2,
    ),
]


def test_steps_are_read_as_they_were_written(tmp_path):
    write_steps(StepTable.from_records(STEPS), tmp_path / "steps.parquet")
    assert list(read_steps(tmp_path / "steps.parquet").rows()) == STEPS


def test_a_step_without_speculation_is_null_on_disk(tmp_path):
    write_steps(StepTable.from_records(STEPS), tmp_path / "steps.parquet")
    assert pq.read_table(tmp_path / "steps.parquet").column("drafted_tokens").to_pylist() == [None, 4]


def test_a_null_where_none_may_be_is_refused(tmp_path):
    path = tmp_path / "steps.parquet"
    write_steps(StepTable.from_records(STEPS), path)
    table = pq.read_table(path)
    column = table.schema.get_field_index("requests")
    pq.write_table(table.set_column(column, "requests", pa.array([None, 1], pa.int32())), path)
    with pytest.raises(ValueError, match="requests: is null in 1 rows"):
        read_steps(path)


def test_a_step_overlaps_the_interval_that_it_has_a_part_in():
    assert StepTable.from_records(STEPS).overlaps(20, 30).tolist() == [False, True]
