"""Logs of wall meters are read as they come, and what is wrong with one is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.exceptions import ConfigError
from llenergymeasure.orchestration.calibration.wall_log import read_wall_log


def _file(tmp_path: Path, header: str, rows: list[str]) -> Path:
    path = tmp_path / "wall.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,power_w", "{0},{1}"),
        ("note,TIMESTAMP,Watts", "x,{0},{1}"),
        ("power,note,time", "{1},,{0}"),
        ("time,power_w", "{0}000,{1}"),
        ("time; power_w", "{0}; {1},0"),
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, header: str, row: str) -> None:
    log = read_wall_log(_file(tmp_path, header, [row.format(1_700_000_000 + n, 100 + n) for n in range(30)]))
    assert log.t_unix_s[:2] == (1_700_000_000.0, 1_700_000_001.0)
    assert log.power_w[-1] == 129.0


def test_iso_times_with_a_zone_are_understood_and_rows_sorted(tmp_path: Path) -> None:
    rows = [
        f"2026-01-31T12:00:{n:02d}{zone},{n}" for n, zone in zip(range(40), ["Z", "+00:00"] * 20, strict=True)
    ]
    log = read_wall_log(_file(tmp_path, "time,power_w", rows[::-1]))
    assert log.t_unix_s[0] == 1_769_860_800.0
    assert log.power_w == tuple(float(n) for n in range(40))


GOOD = [f"{1_700_000_000 + n},100" for n in range(30)]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("time,volts", GOOD, r"wall\.csv:1: no column 'power_w' .* the header has: time, volts"),
        ("when,power_w", GOOD, r"wall\.csv:1: no column 'time'"),
        ("time,power_w", [*GOOD, "yesterday,100"], r"wall\.csv:32: 'yesterday' is not a time"),
        ("time,power_w", [*GOOD[:4], "1700000000,much"], r"wall\.csv:6: 'much' is not a power"),
        ("time,power_w", [*GOOD[:4], "1700000000,nan"], r"wall\.csv:6: 'nan' is not a power"),
        ("time,power_w", ["1700000000"], r"wall\.csv:2: 1 columns, the header has 2"),
        ("time,power_w", GOOD[:5], r"has 5 readings; at least 20"),
        ("", [], r"the header has: nothing"),
    ],
)
def test_faults_are_told_with_file_and_line(tmp_path: Path, header: str, rows: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_wall_log(_file(tmp_path, header, rows))


def test_missing_or_binary_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as a wall meter's log"):
        read_wall_log(tmp_path / "nothing.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="cannot be read as a wall meter's log"):
        read_wall_log(tmp_path / "binary.csv")
