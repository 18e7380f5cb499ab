"""CSV files of numbers with a header line; what is wrong with one is said with its file, line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOT_READ = {"", "nan", "n/a", "[n/a]", "[not supported]", "[unknown error]"}
"""What stands in a cell that has no value."""
UNIT, HEADER_UNIT = re.compile(r"\s*[WJs]$"), re.compile(r"\s*\[[WJs]\]$")
"""nvidia-smi writes `142.43 W`, and `power.draw [W]` in the header."""


class BadLog(Exception):
    """A log that cannot be judged, in one line: where the fault is, and what is expected."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a file by name, and in which line of the file each row stands."""

    path: Path
    columns: dict[str, Floats]
    lines: Sequence[int]

    def column(self, name: str) -> Floats:
        """Return a column all of whose values are known; raise BadLog otherwise."""
        values = self.columns[name]
        if not np.isfinite(values).all():
            raise self.bad("no value; every line needs one", name, int(np.argmin(np.isfinite(values))))
        return values

    def times(self, name: str = "t_s") -> Floats:
        """Return a column of times, which rise from line to line."""
        t_s = self.column(name)
        falls = np.diff(t_s) <= 0
        if falls.any():
            row = int(np.argmax(falls)) + 1
            raise self.bad(
                f"{t_s[row]:g} after {t_s[row - 1]:g}; times must rise from line to line", name, row
            )
        return t_s

    def bad(self, what: str, column: str, row: int | None = None) -> BadLog:
        """Return the error of a column, or of one of its rows."""
        line = "" if row is None else f":{self.lines[row]}"
        return BadLog(f"{self.path}{line}: column {column}: {what}")


def read_csv(path: Path, expected: str, required: Sequence[str]) -> Table:
    """Return the table of a file that has the `required` columns; `expected` says in words which columns it has."""
    rows = [
        (number, [cell.strip() for cell in line.split(",")])
        for number, line in enumerate(_text(path).splitlines(), 1)
        if line.strip()
    ]
    if not rows:
        raise BadLog(f"{path}: the file is empty; expected a header line with {expected}")
    names = _names(path, *rows[0], expected, required)
    if len(rows) == 1:
        raise BadLog(f"{path}: nothing below the header line; expected lines of {len(names)} numbers")
    for line, cells in rows[1:]:
        if len(cells) != len(names):
            raise BadLog(
                f"{path}:{line}: {len(cells)} values between commas; expected {len(names)}, as in the header line"
            )
    columns = {
        name: np.array([_number(path, line, name, cells[index]) for line, cells in rows[1:]])
        for index, name in enumerate(names)
    }
    return Table(path=path, columns=columns, lines=[line for line, _ in rows[1:]])


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadLog(
            f"{path}: byte {error.start} is not text (UTF-8); expected a CSV file of numbers"
        ) from None
    except OSError as error:
        raise BadLog(f"{path}: cannot be read ({error.strerror}); expected a CSV file of numbers") from None
    if "\0" in text:
        raise BadLog(
            f"{path}: byte {text.index(chr(0))} is 0, so this is no text; expected a CSV file of numbers"
        )
    return text


def _names(path: Path, line: int, cells: Sequence[str], expected: str, required: Sequence[str]) -> list[str]:
    names = [HEADER_UNIT.sub("", cell) for cell in cells]
    where = f"{path}:{line}: header line"
    if len(names) == 1 and re.search("[;\t]", names[0]):
        raise BadLog(f"{where}: no commas; expected {expected}, with commas between the values")
    for name in required:
        if name not in names:
            raise BadLog(f"{where}: no column {name}; expected {expected}, not {_short(','.join(cells))}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise BadLog(f"{where}: column {_short(twice[0])} twice; expected {expected}")
    return names


def _number(path: Path, line: int, name: str, cell: str) -> float:
    if cell.lower() in NOT_READ:
        return np.nan
    try:
        number = float(UNIT.sub("", cell))
    except ValueError:
        raise BadLog(f"{path}:{line}: column {name}: {_short(cell)} is no number; expected one") from None
    if np.isinf(number):
        raise BadLog(f"{path}:{line}: column {name}: {_short(cell)} is not finite; expected a number")
    return number


def _short(text: str) -> str:
    """Return the beginning of a text, in quotes and without control characters."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
