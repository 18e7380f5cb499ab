"""The formats of traces: what the names in a line mean, one row a format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

FormatName = Literal["jsonl", "mooncake", "azure", "burstgpt"]

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, kw_only=True)
class TraceFormat:
    """Where a format has the parts of a request."""

    name: FormatName
    is_json: bool
    """A JSON object a line, or lines of comma-separated values below a line of names."""
    time: str
    time_s: Callable[[Any], float]
    """Makes seconds of its value.

    Raises:
        ValueError: it is no time.
    """
    input_tokens: str
    output_tokens: str
    session: str | None = None
    lengths_are_required: bool = True


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("not a number")
    return float(value)


def _from_milliseconds(value: Any) -> float:
    return _seconds(value) / 1000


def _from_date(value: Any) -> float:
    """Python reads six digits of a second before 3.11, and these traces have seven."""
    match = _DATE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("not a date and time")
    date, time, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    return datetime.fromisoformat(f"{date}T{time}{offset}").timestamp() + float(fraction or 0)


FORMATS: Mapping[FormatName, TraceFormat] = {
    each.name: each
    for each in (
        TraceFormat(
            name="jsonl",
            is_json=True,
            time="time_s",
            time_s=_seconds,
            input_tokens="input_tokens",
            output_tokens="output_tokens",
            session="session",
            lengths_are_required=False,
        ),
        TraceFormat(  # github.com/kvcache-ai/Mooncake, FAST25-release/traces
            name="mooncake",
            is_json=True,
            time="timestamp",
            time_s=_from_milliseconds,
            input_tokens="input_length",
            output_tokens="output_length",
            session="session_id",
        ),
        TraceFormat(  # github.com/Azure/AzurePublicDataset, AzureLLMInferenceTrace_*.csv
            name="azure",
            is_json=False,
            time="TIMESTAMP",
            time_s=_from_date,
            input_tokens="ContextTokens",
            output_tokens="GeneratedTokens",
        ),
        TraceFormat(  # github.com/HPMLL/BurstGPT, data/BurstGPT_*.csv
            name="burstgpt",
            is_json=False,
            time="Timestamp",
            time_s=_seconds,
            input_tokens="Request tokens",
            output_tokens="Response tokens",
            session="Session ID",
        ),
    )
}


def format_of(names: Mapping[str, Any], *, is_json: bool) -> TraceFormat | None:
    """Return the format whose time and lengths have these names; None where there is none."""
    for each in FORMATS.values():
        lengths = {each.input_tokens, each.output_tokens} if each.lengths_are_required else set()
        if each.is_json == is_json and {each.time, *lengths} <= names.keys():
            return each
    return None
