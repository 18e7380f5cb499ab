"""`make bench-real` against logs whose truth is known: no error where there is none, one seen, wrong logs refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmarks.real import judge
from benchmarks.real_logs import read_logs

from tests.support.synthetic import counter_j, sample_times, square

POWER = square(phase_s=0.037, low=80.0, high=400.0, period_s=1.73)
GAIN, OFFSET_W, LATE_S = 0.95, -3.0, 0.012


def write_log_beside_a_meter(folder: Path) -> None:
    """Write a sensor that shows the mean of each 100 ms, too low and late, beside an exact meter."""
    meter_s = np.arange(0.0, 16.0, 0.01)
    t_s = sample_times(15.5, period_s=0.01)
    ends_s = np.floor(t_s / 0.1) * 0.1
    mean_w = (POWER.energy_j(ends_s) - POWER.energy_j(ends_s - 0.1)) / 0.1
    readings = np.column_stack([t_s + LATE_S, GAIN * mean_w + OFFSET_W])
    metered = np.column_stack([meter_s, POWER.energy_j(meter_s)])
    np.savetxt(
        folder / "card_smi.csv", readings, "%.4f", ",", header="t_s,power.draw.instant@0.1", comments=""
    )
    np.savetxt(folder / "card_pmd_10ms.csv", metered, "%.5f", ",", header="t_s,pmd_energy_j", comments="")


def test_gain_offset_and_clock_of_a_sensor_are_taken_out(tmp_path: Path) -> None:
    write_log_beside_a_meter(tmp_path)
    (log,) = read_logs(tmp_path).logs
    assert log.name == "card power.draw.instant@0.1"
    assert log.averaging_s == 0.1
    row = judge(log, "3 s")
    assert abs(row.bias) < 0.005  # the gain alone is 5 %
    assert row.mean_error < row.trapezoid_mean_error
    start_s, end_s, metered_j = log.uncorrected["3 s"].T
    # the samples show a reading some milliseconds late
    assert metered_j == pytest.approx(
        POWER.energy_j(end_s - LATE_S) - POWER.energy_j(start_s - LATE_S), rel=5e-3
    )


def write_log_with_windows(folder: Path) -> None:
    """Write a counter, and two windows whose truth is 10 % too high."""
    t_s = sample_times(12.0)
    counted = np.column_stack([t_s, np.full(len(t_s), np.nan), counter_j(POWER, t_s, 0.1)])
    np.savetxt(folder / "run_7_gpu0.csv", counted, "%.6f", ",", header="t_s,power_w,energy_j", comments="")
    edges = [(2.1, 5.3), (6.0, 9.7)]
    windows = [(start, end, 1.1 * POWER.between(start, end)) for start, end in edges]
    np.savetxt(folder / "run_7_windows.csv", windows, "%.6f", ",", header="start_s,end_s,true_j", comments="")


def test_windows_of_known_energy_are_compared_as_given(tmp_path: Path) -> None:
    write_log_with_windows(tmp_path)
    (log,) = read_logs(tmp_path).logs
    row = judge(log, "given")
    assert row.count == 2
    assert row.bias == pytest.approx(1 / 1.1 - 1, abs=0.005)
    assert row.held_random == 0.0


def test_a_window_of_unknown_energy_is_counted_apart(tmp_path: Path) -> None:
    write_log_with_windows(tmp_path)
    log = tmp_path / "run_7_gpu0.csv"
    lines = log.read_text().splitlines()
    # the counter is not read any more from 7 s on, where the second window has begun
    unread = [each if float(each[:8]) < 7 else f"{each[:8]},nan,nan" for each in lines[1:]]
    log.write_text("\n".join([lines[0], *unread]))
    row = judge(read_logs(tmp_path).logs[0], "given")
    assert (row.count, row.unknown) == (2, 1)
    assert row.bias == pytest.approx(1 / 1.1 - 1, abs=0.005)
    assert row.held_random == 0.0
    (tmp_path / KNOWN).write_text("start_s,end_s,true_j\n6,9.7,900\n")
    row = judge(read_logs(tmp_path).logs[0], "given")
    assert (row.count, row.unknown) == (1, 1)
    assert (row.bias, row.mean_error, row.held_random, row.width_over_error) == (None,) * 4


Fault = Callable[[list[str]], list[str]]


def line(number: int, text: str) -> Fault:
    """Replace a line, counted from 1."""
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


def header(text: str) -> Fault:
    return line(1, text)


def swapped(lines: list[str]) -> list[str]:
    """Swap the two last columns, and leave the header as it is."""
    rows = [each.split(",") for each in lines[1:]]
    return [lines[0], *(",".join([*row[:-2], row[-1], row[-2]]) for row in rows)]


def with_power(lines: list[str]) -> list[str]:
    """Fill the column of power of a log that has none."""
    return [lines[0], *(each.replace("nan", str(n % 7)) for n, each in enumerate(lines[1:]))]


SMI, PMD, LOG, KNOWN = "card_smi.csv", "card_pmd_10ms.csv", "run_7_gpu0.csv", "run_7_windows.csv"
FAULTS: dict[str, tuple[str, Fault, str]] = {
    "no t_s": (SMI, header("time,power.draw"), ":1: header line: no column t_s; expected t_s and at least one"),
    "no header": (SMI, lambda lines: lines[1:], ":1: header line: no column t_s"),
    "one line of text": (SMI, lambda _: ["nvidia-smi failed"], ":1: header line: no column t_s"),
    "empty": (SMI, lambda _: [], ": the file is empty; expected a header line"),
    "header only": (SMI, lambda lines: lines[:1], ": nothing below the header line"),
    "no power": (SMI, lambda lines: [each.partition(",")[0] for each in lines], "expected at least one of power.draw"),
    "unknown field": (SMI, header("t_s,watts"), ": column watts: not a field of power; expected power.draw"),
    "averaging time": (SMI, header("t_s,power.draw@abc"), "'abc' is no averaging time; expected seconds"),
    "no averaging time": (SMI, header("t_s,power.draw@"), "'' is no averaging time; expected seconds"),
    "semicolons": (SMI, lambda lines: [each.replace(",", ";") for each in lines], ":1: header line: no commas"),
    "text": (SMI, line(7, "0.07,high"), ":7: column power.draw.instant@0.1: 'high' is no number"),
    "milliwatts": (SMI, line(7, "0.07,8000 mW"), ":7: column power.draw.instant@0.1: '8000 mW' is no number"),
    "too many values": (SMI, line(7, "0.07,80,90"), ":7: 3 values between commas; expected 2"),
    "out of order": (SMI, lambda lines: [lines[0], *lines[:0:-1]], ":3: column t_s: "),
    "a time is missing": (SMI, line(7, ",80"), ":7: column t_s: no value; every line needs one"),
    "no reading": (SMI, lambda lines: [lines[0], *(f"{n}," for n in range(20))], "no reading in any line"),
    "1.2 s": (SMI, lambda lines: lines[:120], "s are in card_pmd_10ms.csv too; at least 11 s are needed"),
    "9 s": (SMI, lambda lines: lines[:900], "only 9.0 s are in card_pmd_10ms.csv too; at least 11 s are needed"),
    "constant": (SMI, lambda lines: [lines[0], *(f"{n / 10},80" for n in range(150))], "power does not change"),
    "empty meter": (PMD, lambda _: [], ": the file is empty; expected a header line with t_s and one other"),
    "header names swapped": (PMD, header("pmd_energy_j,t_s"), ": column "),
    "columns swapped": (PMD, swapped, ": column "),
    "two energies": (PMD, header("t_s"), ":2: 2 values between commas; expected 1"),
    "meter without times": (PMD, header("time_s,pmd_energy_j"), ":1: header line: no column t_s; expected t_s and one"),
    "meter not a number": (PMD, line(9, "0.07,nan"), ":9: column pmd_energy_j: no value; every line needs one"),
    "meter falls": (PMD, line(9, "0.07,0.0"), ":9: column "),
    "slow meter": (PMD, lambda lines: [lines[0], *lines[1::10]], "expected a reading every 20 ms or more often"),
    "meter of nothing": (PMD, lambda lines: [lines[0], *(f"{n / 100},5" for n in range(1600))], "power.draw.instant"),
    "column missing": (LOG, header("t_s,power_w,joules"), ":1: header line: no column energy_j; expected t_s,"),
    "power as energy": (LOG, lambda lines: swapped(with_power(lines)), ": column energy_j: falls again and again"),
    "counter that falls": (LOG, lambda lines: [lines[0], *(f"{n / 9},,{n % 2}" for n in range(150))], "falls again"),
    "empty windows": (KNOWN, lambda _: [], ": the file is empty; expected a header line with start_s,end_s,true_j"),
    "windows of other names": (KNOWN, header("a,b,c"), ":1: header line: no column start_s"),
    "window of text": (KNOWN, line(2, "first,5.3,900"), ":2: column start_s: 'first' is no number"),
    "window without energy": (KNOWN, line(2, "2.1,5.3,"), ":2: column true_j: no value"),
    "window of no energy": (KNOWN, line(2, "2.1,5.3,0"), ":2: column true_j: 0; expected more than 0 J"),
    "window outside": (KNOWN, line(3, "8.0,99.0,900"), ":3: column start_s: 8 to 99 s is not within run_7_gpu0.csv"),
    "end before start": (KNOWN, line(2, "5.3,2.1,900"), ":2: column end_s: 2.1 is not after start_s 5.3"),
    "windows overlap": (KNOWN, line(3, "5.0,9.7,900"), ":3: column start_s: 5 is before the end of the window above"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_log_is_refused_with_file_and_place_while_the_others_are_read(
    fault: str, tmp_path: Path
) -> None:
    name, breaks, said = FAULTS[fault]
    if name in (SMI, PMD):
        write_log_beside_a_meter(tmp_path)
        meter_of_another, other = (tmp_path / "good_pmd.csv", tmp_path / "good_smi.csv")
        meter_of_another.write_bytes((tmp_path / PMD).read_bytes())
        other.write_bytes((tmp_path / SMI).read_bytes())
    else:
        write_log_with_windows(tmp_path)
        for part in ("gpu0", "windows"):
            (tmp_path / f"good_{part}.csv").write_bytes((tmp_path / f"run_7_{part}.csv").read_bytes())
    broken = tmp_path / name
    broken.write_text("\n".join(breaks(broken.read_text().splitlines())), encoding="utf-8")
    found = read_logs(tmp_path)
    assert len(found.logs) == 1
    assert found.left_out == []
    (told,) = found.wrong
    assert "\n" not in told
    assert told.startswith(str(tmp_path / ("card_" if name in (SMI, PMD) else "run_7_")))
    assert said in told


def test_power_with_its_unit_is_read_as_nvidia_smi_prints_it(tmp_path: Path) -> None:
    write_log_beside_a_meter(tmp_path)
    log = tmp_path / SMI
    lines = log.read_text().splitlines()
    plain = read_logs(tmp_path).logs[0].power_w
    units = ["t_s, power.draw.instant [W]", *(f"{each.replace(',', ', ')} W" for each in lines[1:])]
    log.write_text("\n".join([*units[:4], f"{lines[4].partition(',')[0]}, [N/A]", *units[5:]]))
    read = read_logs(tmp_path).logs[0].power_w
    assert np.isnan(read[3])
    assert np.delete(read, 3).tolist() == np.delete(plain, 3).tolist()


def test_wrong_files_end_the_program_with_1_after_the_table_of_the_good_ones(tmp_path: Path) -> None:
    write_log_with_windows(tmp_path)
    (tmp_path / "lone_smi.csv").write_text("t_s,power.draw\n0,1\n")
    (tmp_path / "alone.csv").write_text("t_s,power_w,energy_j\n0,1,2\n")
    (tmp_path / "bad_windows.csv").write_bytes(b"\xff\x00")
    (tmp_path / "bad.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    done = bench_real(tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path}/bad.csv: byte 4 is not text (UTF-8); expected a CSV file of numbers\n"
    )
    left_out, table = done.stdout.split("\n\n")
    assert left_out.splitlines() == [
        f"left out: {tmp_path}/alone.csv: no alone_windows.csv beside it",
        f"left out: {tmp_path}/lone_smi.csv: no lone_pmd*.csv beside it",
    ]
    assert table.splitlines()[2].split() == [
        "run_7_gpu0", "given", "2", "0", *table.splitlines()[2].split()[4:11], "-",
    ]  # fmt: skip
    assert max(map(len, table.splitlines())) <= 110
    (tmp_path / "bad.csv").unlink()
    assert bench_real(tmp_path).returncode == 0


def test_a_folder_that_is_not_there_or_has_no_log_is_named(tmp_path: Path) -> None:
    assert read_logs(tmp_path / "none").wrong == [
        f"{tmp_path}/none: there is no such folder; expected one with the logs"
    ]
    (told,) = read_logs(tmp_path).wrong
    assert told.startswith(f"{tmp_path}: no file *.csv; expected logs")


def bench_real(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.real", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
