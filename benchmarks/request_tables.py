"""What two million token times cost: to record and spool them as requests end, to write them, and in memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import figure, publish

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.harness.request_log import RequestLog
from llenergymeasure.results.parquet.requests import write_requests

REQUESTS, TOKENS = 20_000, 100
RUNS = 5
START_NS = 1_700_000_000_000_000_000


def main() -> None:
    """Measure each run in a process of its own, since memory that was used once is not given back."""
    runs = [
        json.loads(subprocess.check_output([sys.executable, "-m", __spec__.name, "one"])) for _ in range(RUNS)
    ]
    million = REQUESTS * TOKENS / 1e6
    publish(
        "request_tables",
        [
            figure(f"record {million:g} M token times (CPU)", "s", [each["record_s"] for each in runs], 1.0),
            figure(f"write {million:g} M token times", "s", [each["write_s"] for each in runs], 1.0),
            figure("memory for all of it", "MB", [each["memory_mb"] for each in runs], 100.0),
        ],
    )


def one_run() -> dict[str, float]:
    """Return the cost of one run, without that of the libraries, which a first table loads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.parquet"
        write_requests(RequestTable.from_records([_request(0)]), path)
        before_kb = _peak_kb()
        record_s = 0.0
        with RequestLog(Path(folder) / "requests.jsonl") as log:
            for number in range(REQUESTS):
                request = _request(number)
                start = time.process_time()
                log.append(request)
                record_s += time.process_time() - start
        start = time.perf_counter()
        write_requests(log.table(), path)
        return {
            "record_s": record_s,
            "write_s": time.perf_counter() - start,
            "memory_mb": (_peak_kb() - before_kb) / 1e3,
        }


def _request(number: int) -> RequestRecord:
    """Return a request whose tokens come every 30 ms, give or take what the clock shows."""
    sent_ns = START_NS + number * 20_000_000
    times = tuple(
        sent_ns + 30_000_000 * token + (token * number * 7919) % 100_000 for token in range(1, TOKENS + 1)
    )
    return RequestRecord(
        request_id=f"r0.p0.{number}",
        repeat=0,
        prompt_tokens=TOKENS,
        output_tokens=TOKENS,
        scheduled_unix_ns=sent_ns,
        sent_unix_ns=sent_ns,
        first_token_unix_ns=times[0],
        last_token_unix_ns=times[-1],
        closed_unix_ns=times[-1] + 1000,
        chunk_unix_ns=times,
        chunk_tokens=(1,) * TOKENS,
        finish_reason="length",
    )


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        print(json.dumps(one_run()))
    else:
        main()
