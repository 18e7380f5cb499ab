"""The log of a wall meter: a CSV file with a time and a power in each row."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llenergymeasure.core.files.packed import HEAD_BYTES, no_text
from llenergymeasure.exceptions import ConfigError

TIME_NAMES = ("time", "timestamp", "datetime", "unix_s", "time_s")
POWER_NAMES = ("power_w", "power", "watts", "w", "active_power_w")
LEAST_ROWS = 20
MILLISECONDS_FROM = 1e11
"""A count since 1970 above this is of milliseconds: in seconds it would be the year 5138."""


@dataclass(frozen=True, kw_only=True)
class WallLog:
    """Readings in time order, by the wall meter's own clock."""

    t_unix_s: tuple[float, ...]
    power_w: tuple[float, ...]


def read_wall_log(path: Path) -> WallLog:
    """Read the log; columns are found by name, whatever their order and case.

    A semicolon separates columns where the header has one; the decimal sign is then often a comma, which is understood.
    Times are Unix seconds or milliseconds, or ISO 8601; those without a zone are local time.

    Raises:
        ConfigError: it is missing, a column is, or a row does not parse; with file, line and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = ";" if ";" in file.readline() else ","
            file.seek(0)
            rows = _rows(path, csv.reader(file, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        other = no_text(error.object[:HEAD_BYTES]) if isinstance(error, UnicodeDecodeError) else None
        raise ConfigError(
            f"{path} is {other}" if other else f"{path} cannot be read as a wall meter's log: {error}"
        ) from None
    if len(rows) < LEAST_ROWS:
        raise ConfigError(f"{path} has {len(rows)} readings; at least {LEAST_ROWS} are needed")
    rows.sort()
    return WallLog(t_unix_s=tuple(time for time, _ in rows), power_w=tuple(power for _, power in rows))


def _rows(path: Path, reader: Any) -> list[tuple[float, float]]:
    header = [name.strip().lower() for name in next(reader, [])]
    time_at, power_at = _column(path, header, TIME_NAMES), _column(path, header, POWER_NAMES)
    readings: list[tuple[float, float]] = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{reader.line_num}"
        if len(row) <= max(time_at, power_at):
            raise ConfigError(f"{where}: {len(row)} columns, the header has {len(header)}")
        readings.append((_time_s(where, row[time_at].strip()), _power_w(where, row[power_at].strip())))
    return readings


def _column(path: Path, header: Sequence[str], names: Sequence[str]) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise ConfigError(
        f"{path}:1: no column '{names[0]}' (or {', '.join(names[1:])}); the header has: "
        f"{', '.join(header) or 'nothing'}"
    )


def _time_s(where: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        iso = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text
        try:
            return datetime.fromisoformat(iso).timestamp()
        except (ValueError, OverflowError, OSError):
            raise ConfigError(
                f"{where}: '{text}' is not a time; write Unix seconds or ISO 8601 (2026-01-31T12:00:00+01:00)"
            ) from None
    if not math.isfinite(number):
        raise ConfigError(f"{where}: '{text}' is not a time")
    return number / 1000 if abs(number) > MILLISECONDS_FROM else number


def _power_w(where: str, text: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{where}: '{text}' is not a power in watts")
    return number
