"""Raw tables come back from Parquet as they went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.results.parquet.trace_phases import (
    read_phases,
    read_trace,
    write_phases,
    write_trace,
)

CHANNELS = (
    Channel(meter="nvml", domain="gpu", device="GPU-1", label="GPU 0", method="counter", relative_error=0.05),
    Channel(
        meter="rapl",
        domain="cpu",
        device="package-0",
        label="CPU",
        method="counter",
        counter_range_j=262143.3,
    ),
)
FLOATS = st.floats(0, 1e9, allow_nan=False) | st.just(float("nan"))
SAMPLES = st.builds(
    Sample,
    channel=st.integers(0, 1),
    t_unix_ns=st.integers(0, 2**62),
    energy_j=FLOATS,
    power_w=FLOATS,
    throttle_reasons=st.integers(-1, 2**40),
    error=st.integers(0, 999),
)


@settings(max_examples=30, deadline=None)
@given(samples=st.lists(SAMPLES, max_size=20), interrupted=st.none() | st.text(max_size=20))
def test_trace_round_trip(tmp_path_factory: object, samples: list[Sample], interrupted: str | None) -> None:
    path = tmp_path_factory.mktemp("trace") / "trace.parquet"  # type: ignore[attr-defined]
    table = np.array([tuple(sample) for sample in samples], dtype=sample_dtype())
    write_trace(EnergyTrace(channels=CHANNELS, samples=table, interrupted=interrupted), path)
    back = read_trace(path)
    assert back.channels == CHANNELS
    assert back.interrupted == interrupted
    for name in table.dtype.names or ():
        np.testing.assert_array_equal(back.samples[name], table[name])


def test_unknown_readings_are_null_on_disk_never_zero(tmp_path: Path) -> None:
    table = np.array([tuple(Sample(channel=0, t_unix_ns=1, power_w=61.5))], dtype=sample_dtype())
    write_trace(EnergyTrace(channels=CHANNELS, samples=table), tmp_path / "trace.parquet")
    (row,) = pq.read_table(tmp_path / "trace.parquet").to_pylist()
    assert row["power_w"] == 61.5
    assert row["energy_j"] is row["temperature_c"] is row["throttle_reasons"] is None


def test_each_row_of_a_trace_names_meter_domain_and_device(tmp_path: Path) -> None:
    table = np.array([tuple(Sample(channel=1, t_unix_ns=1, energy_j=2.0))], dtype=sample_dtype())
    write_trace(EnergyTrace(channels=CHANNELS, samples=table), tmp_path / "trace.parquet")
    (row,) = pq.read_table(tmp_path / "trace.parquet").to_pylist()
    assert (row["meter"], row["domain"], row["device"]) == ("rapl", "cpu", "package-0")


def test_trace_without_channels_round_trips(tmp_path: Path) -> None:
    empty = EnergyTrace(channels=(), samples=np.empty(0, dtype=sample_dtype()))
    write_trace(empty, tmp_path / "trace.parquet")
    assert read_trace(tmp_path / "trace.parquet").channels == ()


def test_phases_round_trip(tmp_path: Path) -> None:
    phases = (
        Phase(name="load", start_unix_ns=1, end_unix_ns=5),
        Phase(name="window", start_unix_ns=6, end_unix_ns=9, repeat=0, complete=False, rung=1),
    )
    write_phases(phases, tmp_path / "phases.parquet")
    assert read_phases(tmp_path / "phases.parquet") == phases
