"""The spool file of requests: one line of JSON per finished request, readable after a kill."""

from __future__ import annotations

import json
from pathlib import Path

from llenergymeasure.domain.request import RequestRecord, ServerTimes
from llenergymeasure.domain.request_table import RequestTable


def spool_line(record: RequestRecord) -> str:
    """Return one request as a line of JSON; fields that are None are left out."""
    values = {name: value for name, value in vars(record).items() if value is not None}
    if record.server is not None:
        values["server"] = vars(record.server)
    return json.dumps(values, separators=(",", ":"), default=list) + "\n"


def read_spool(path: Path) -> RequestTable:
    """Return the requests in a spool file; lines that were cut off by a kill or a full disk are left out."""
    with path.open(encoding="utf-8") as file:
        records = (_record(line) for line in file if line.endswith("\n"))
        return RequestTable.from_records(record for record in records if record is not None)


def _record(line: str) -> RequestRecord | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if "server" in values:
        values["server"] = ServerTimes(**values["server"])
    return RequestRecord(**values)
