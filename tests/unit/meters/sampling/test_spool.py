"""Claims about reading a spool file while the sampler appends to it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.domain.sample import RECORD, Sample
from llenergymeasure.domain.trace import Channel, EnergyTrace
from llenergymeasure.meters.sampling.spool import FIRST_CAPACITY, SpoolReader


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "samples.bin"


def append(spool: Path, *samples: Sample) -> None:
    with spool.open("ab") as file:
        file.write(b"".join(sample.pack() for sample in samples))


def at(time_ns: int, channel: int = 0) -> Sample:
    return Sample(channel, time_ns, power_w=float(time_ns))


def times(reader: SpoolReader, since_ns: int | None = None, channel: int = 0) -> list[int]:
    samples = reader.read(2, since_ns)[channel]
    assert samples["power_w"].tolist() == samples["t_unix_ns"].tolist()
    return samples["t_unix_ns"].tolist()


def test_a_spool_that_does_not_exist_yet_has_no_samples(spool: Path) -> None:
    assert [len(samples) for samples in SpoolReader(spool).read(2)] == [0, 0]


def test_each_look_adds_what_was_appended_since_the_last_one(spool: Path) -> None:
    reader = SpoolReader(spool)
    append(spool, at(1), at(2, channel=1))
    assert times(reader) == [1]
    append(spool, at(3), at(4))
    assert times(reader) == [1, 3, 4]
    assert times(reader, channel=1) == [2]


def test_what_was_read_once_is_not_read_again(spool: Path) -> None:
    reader = SpoolReader(spool)
    append(spool, at(1), at(2))
    reader.read(1)
    with spool.open("r+b") as file:  # the part that was read is overwritten, which nobody notices
        file.write(b"\xff" * 2 * RECORD.size)
    append(spool, at(3))
    assert times(reader) == [1, 2, 3]


def test_a_record_that_is_written_in_two_parts_is_read_when_it_is_complete(spool: Path) -> None:
    reader, record = SpoolReader(spool), at(1).pack()
    spool.write_bytes(record[:10])
    assert times(reader) == []
    with spool.open("ab") as file:
        file.write(record[10:])
    assert times(reader) == [1]


def test_samples_before_the_stretch_asked_for_are_left_out(spool: Path) -> None:
    append(spool, *(at(time_ns) for time_ns in range(10)))
    assert times(SpoolReader(spool), since_ns=7) == [7, 8, 9]
    assert times(SpoolReader(spool), since_ns=10) == []


def test_an_array_that_was_handed_out_keeps_its_content_while_the_spool_grows(spool: Path) -> None:
    reader = SpoolReader(spool)
    append(spool, at(10))
    (early,) = reader.read(1)
    append(spool, at(5), *(at(time_ns) for time_ns in range(20, 20 + 3 * FIRST_CAPACITY)))
    reader.read(1)
    assert early["t_unix_ns"].tolist() == [10]
    with pytest.raises(ValueError, match="read-only"):
        early["power_w"] = 0.0


@pytest.mark.parametrize("seed", range(5))
def test_samples_that_arrive_late_are_put_in_their_place(spool: Path, seed: int) -> None:
    draw, reader = random.Random(seed), SpoolReader(spool)
    written: list[int] = []
    for _ in range(20):
        new = [len(written) * 10 + draw.randrange(-100, 100) for _ in range(draw.randrange(1, 50))]
        append(spool, *map(at, new))
        written += new
        assert times(reader) == sorted(written)


def channels(number: int) -> Sequence[Channel]:
    return [
        Channel(meter="m", domain="gpu", device=str(each), label=str(each), method="counter")
        for each in range(number)
    ]


def test_a_trace_made_of_channels_has_their_samples_in_time_order(spool: Path) -> None:
    append(spool, at(1), at(2, channel=1), at(3), at(3, channel=1))
    trace = EnergyTrace(channels=channels(2), by_channel=SpoolReader(spool).read(2))
    assert trace.samples["t_unix_ns"].tolist() == [1, 2, 3, 3]
    again = EnergyTrace(channels=channels(2), samples=trace.samples)
    for channel in range(2):
        assert np.array_equal(again.of(channel)["t_unix_ns"], trace.of(channel)["t_unix_ns"])


def test_a_trace_is_made_from_one_table_or_from_one_for_each_channel() -> None:
    with pytest.raises(ValueError, match="from `samples` or from `by_channel`"):
        EnergyTrace(channels=())


def _writer(spool: Path, memory: int | None) -> BackgroundFile:
    return BackgroundFile(spool, instead=memory, record_bytes=RECORD.size)


def test_samples_follow_in_memory_where_the_disk_takes_no_more(spool: Path) -> None:
    spool.symlink_to("/dev/full")
    reader = SpoolReader(spool)
    writer = _writer(spool, reader.memory)
    for time_ns in (1, 2):
        writer.put(at(time_ns).pack())
    writer.close()
    spool.unlink()
    assert times(reader) == [1, 2]
    assert writer.lost == 0


def test_a_record_that_a_full_disk_cut_off_is_whole_in_memory(spool: Path) -> None:
    write = f"""
import resource
from pathlib import Path
from llenergymeasure.core.files.background_file import BackgroundFile
from llenergymeasure.domain.sample import RECORD, Sample
from llenergymeasure.meters.sampling.spool import SpoolReader
reader = SpoolReader(Path({str(spool)!r}))
writer = BackgroundFile(Path({str(spool)!r}), instead=reader.memory, record_bytes=RECORD.size)
resource.setrlimit(resource.RLIMIT_FSIZE, ({2 * RECORD.size - 8}, -1))
writer.put(b"".join(Sample(0, at, power_w=float(at)).pack() for at in (1, 2)))
writer.close()
print(reader.read(1)[0]["t_unix_ns"].tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", write], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[1, 2]\n"
    assert spool.stat().st_size == 2 * RECORD.size - 8


def test_a_spool_that_is_removed_while_it_grows_is_read_to_its_end(spool: Path) -> None:
    reader, writer = SpoolReader(spool), _writer(spool, None)
    for time_ns in (1, 2):
        writer.put(at(time_ns).pack())
        writer.wait()
        assert times(reader)[-1] == time_ns
        spool.unlink(missing_ok=True)
    writer.close()
    assert times(reader) == [1, 2]


def test_without_memory_nothing_is_written_after_a_full_disk(spool: Path) -> None:
    spool.symlink_to("/dev/full")
    writer = _writer(spool, None)
    writer.put(at(1).pack())
    writer.wait()
    spool.unlink()
    writer.put(at(2).pack())
    writer.close()
    assert writer.error is not None
    assert (writer.lost, spool.exists()) == (2, False)
