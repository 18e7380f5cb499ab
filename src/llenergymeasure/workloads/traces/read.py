"""A trace read from a file, line by line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.jsonl import existing_file
from llenergymeasure.workloads.lines import fault, json_object, quoted, text_lines
from llenergymeasure.workloads.traces.formats import FORMATS, FormatName, TraceFormat, format_of
from llenergymeasure.workloads.traces.row import TraceRow

MOST_TOKENS = 10_000_000


def read_trace_file(file: str, form: FormatName | Literal["auto"], most: int) -> tuple[TraceRow, ...]:
    """Return the first `most` requests of a trace; those without an answer, which failed when it was recorded, are not
    among them.

    Raises:
        ConfigError: the file cannot be read, a line is no request (with file and line), or there are fewer of them.
    """
    path = existing_file(file, what="trace")
    try:
        rows = tuple(_first(_rows(path, form), most))
    except OSError as error:
        raise ConfigError(f"trace {path} cannot be read: {error.strerror or error}") from None
    if not rows:
        raise ConfigError(f"trace {path} has no requests")
    if len(rows) < most:
        raise ConfigError(
            f"trace {path} has {len(rows)} requests, and a pass has {most}: set workload.n_prompts: {len(rows)}"
        )
    return rows


def _first(rows: Iterator[TraceRow], most: int) -> Iterator[TraceRow]:
    for row, _ in zip(rows, range(most), strict=False):
        yield row


def _rows(path: Path, form: FormatName | Literal["auto"]) -> Iterator[TraceRow]:
    earlier_s = -math.inf
    sessions: set[str] = set()
    for number, names, values in _records(path):
        known = _format(path, number, form, names, values)
        time_s = _time_s(path, number, known, values)
        if time_s < earlier_s:
            raise fault(
                path, number, f"its time is {earlier_s - time_s:.6g} s before that of the request before it"
            )
        earlier_s = time_s
        session = values.get(known.session) if known.session else None
        row = TraceRow(
            time_s=time_s,
            input_tokens=_tokens(path, number, known, known.input_tokens, values),
            output_tokens=_tokens(path, number, known, known.output_tokens, values),
            session=None if session in (None, "") else str(session),
            begins_session=session in (None, "") or str(session) not in sessions,
        )
        if row.output_tokens == 0:
            continue
        if row.session is not None:
            sessions.add(row.session)
        yield row


def _records(path: Path) -> Iterator[tuple[int, bool, Mapping[str, Any]]]:
    """Yield the number of each line, whether it is JSON, and its values by name."""
    header: list[str] | None = None
    for number, line in text_lines(path):
        if header is None and line.lstrip().startswith("{"):
            yield number, True, json_object(line, path, number)
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if header is None:
            header = cells
        elif len(cells) != len(header):
            raise fault(path, number, f"has {len(cells)} values, and the first line {len(header)} names")
        else:
            yield number, False, dict(zip(header, cells, strict=True))


def _format(
    path: Path, number: int, form: FormatName | Literal["auto"], is_json: bool, values: Mapping[str, Any]
) -> TraceFormat:
    if form != "auto":
        return FORMATS[form]
    found = format_of(values, is_json=is_json)
    if found is None:
        there = ", ".join(map(quoted, values)) or "none"
        known = "; ".join(
            f"{each.name}: {each.time}, {each.input_tokens}, {each.output_tokens}"
            for each in FORMATS.values()
        )
        raise fault(path, number, f"its names are {there}, which is no known format ({known})")
    return found


def _time_s(path: Path, number: int, known: TraceFormat, values: Mapping[str, Any]) -> float:
    if known.time not in values:
        raise fault(path, number, f"there is no '{known.time}', the time of the format {known.name}")
    try:
        time_s = known.time_s(values[known.time])
        if not math.isfinite(time_s):
            raise ValueError("not finite")
    except ValueError as error:
        raise fault(path, number, f"'{known.time}' is {values[known.time]!r}: {error}") from None
    return time_s


def _tokens(path: Path, number: int, known: TraceFormat, name: str, values: Mapping[str, Any]) -> int | None:
    value = values.get(name)
    if value is None and not known.lengths_are_required:
        return None
    try:
        tokens = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    except ValueError:
        tokens = None
    least = 0 if name == known.output_tokens else 1
    if tokens is None or not least <= tokens <= MOST_TOKENS:
        raise fault(path, number, f"'{name}' is {value!r}, no number of tokens")
    return tokens
