"""How true the times of the client of a server are, and what it costs, beside other tools, on a server of known times.

Each tool sends an open load of a stated rate to a stand-in server in a process of its own. The server notes when it
read each request and wrote its chunks: the truth is what it did, not what it was asked to do.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from typing import Any

import numpy as np
from benchmarks import load_peers
from benchmarks.load_run import Run, header, line, pair
from benchmarks.report import write

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.backends.guarded import make_backend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.load.event_loop import LoopThread
from llenergymeasure.load.streaming import stream_request
from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import standin_server

RATES = (100.0, 500.0, 1000.0)
SERVER = StandInServer(ttft_s=0.1, gap_s=0.02, n_chunks=16)
DURATION_S = 20.0
RAMP_S = 2.0
"""What was due before is not judged: connections are opened then."""
MOST_S, MOST_SHARE, WORST_S = 0.001, 0.02, 0.003
"""Bars of the errors: the median at most 1 ms or 2 % of the time, the 99th percentile at most 3 ms."""
MOST_RATE_ERROR = 0.01
MOST_CPU_MS = 0.4


async def _open_loop(
    backend: Any, encoded: EncodedRequest, rate_per_s: float, duration_s: float, seed: int
) -> tuple[list[RequestRecord], float]:
    """Send at the times of a Poisson process, and return the requests and the processor time until all have ended."""
    clock, draw, records, tasks = AnchoredClock(), random.Random(seed), [], []
    await backend.connect(int(rate_per_s * 0.5))
    number = 0
    before_s, start_ns = time.process_time(), clock.now_ns()
    due_s = draw.expovariate(rate_per_s)
    while due_s < duration_s:
        due_ns = start_ns + int(due_s * 1e9)
        while (wait_s := (due_ns - clock.now_ns()) / 1e9) > 0:  # timers of uvloop may be early
            await asyncio.sleep(wait_s)
        request = ScheduledRequest(
            request_id=str(number), repeat=0, scheduled_unix_ns=due_ns, encoded=encoded
        )
        tasks.append(asyncio.create_task(stream_request(backend, request, clock, records.append)))
        number, due_s = number + 1, due_s + draw.expovariate(rate_per_s)
    await asyncio.gather(*tasks)
    return records, time.process_time() - before_s


def drive(url: str, rate_per_s: float, duration_s: float, seed: int) -> dict[str, Any]:
    """Send one open load with our client, and return what it says of each request."""
    config = ExperimentConfig.model_validate(
        {
            "model": "stand-in",
            "backend": "server",
            "server": {"url": url},
            "workload": {"max_output_tokens": 100},
        }
    )
    backend: Any = make_backend("server")
    loop = LoopThread()
    backend.load(config, AnchoredClock())
    try:
        (encoded,) = backend.encode([Prompt(prompt_id="a", text="Why does bread go stale?")])
        records, cpu_s = loop.run(_open_loop(backend, encoded, rate_per_s, duration_s, seed))
    finally:
        loop.close()
        backend.close()
    return {
        "cpu_s": cpu_s,
        "requests": [
            (
                each.request_id,
                each.status,
                each.scheduled_unix_ns,
                each.sent_unix_ns,
                each.first_token_unix_ns,
                each.last_token_unix_ns,
                each.output_tokens,
            )
            for each in records
        ],
    }


def ours(rate_per_s: float, seed: int) -> Run:
    """Run our client in a process of its own, and compare it with what the server did."""
    with standin_server(SERVER) as server:
        asked = json.dumps([server.url, rate_per_s, DURATION_S, seed])
        command = [sys.executable, "-m", "benchmarks.load_client", "--drive", asked]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        with urllib.request.urlopen(f"{server.root}/truth") as answer:
            truth = {request_id: times for request_id, *times in json.load(answer)}
    return _judge(json.loads(done.stdout), truth, rate_per_s)


def _judge(told: dict[str, Any], truth: dict[str, list[float]], rate_per_s: float) -> Run:
    table = [each for each in told["requests"] if each[1] == "ok"]
    scheduled, sent, first, last, tokens = (
        np.array([each[column] for each in table], dtype=float) for column in (2, 3, 4, 5, 6)
    )
    true = np.array([truth[each[0]] for each in table])
    start_ns = scheduled.min()
    kept = (scheduled - start_ns) / 1e9 >= RAMP_S
    ttft_s = (first - sent)[kept] / 1e9 - (true[:, 1] - true[:, 0])[kept]
    tpot_s = ((last - first)[kept] / 1e9 - (true[:, 2] - true[:, 1])[kept]) / (tokens[kept] - 1)
    due = ((scheduled - start_ns) / 1e9 >= RAMP_S).sum()
    sent_s = np.sort(sent[kept] - start_ns) / 1e9
    return Run(
        tool="ours",
        asked_per_s=rate_per_s,
        due_per_s=float(due / (DURATION_S - RAMP_S)),
        sent_per_s=float((sent_s < DURATION_S).sum() / (DURATION_S - RAMP_S)),
        cpu_ms_per_request=told["cpu_s"] / len(told["requests"]) * 1e3,
        ttft_error_s=pair(np.abs(ttft_s)),
        tpot_error_s=pair(np.abs(tpot_s)),
        late_s=pair((sent - scheduled)[kept] / 1e9),
        failed=len(told["requests"]) - len(table),
        bars=_bars_missed,
    )


def _bars_missed(run: Run) -> list[str]:
    """Return which bars a run of ours misses."""
    assert run.ttft_error_s is not None
    assert run.tpot_error_s is not None
    most_ttft_s = max(MOST_S, MOST_SHARE * SERVER.ttft_s)
    held = {
        "TTFT": run.ttft_error_s[0] <= most_ttft_s and run.ttft_error_s[1] <= WORST_S,
        "TPOT": run.tpot_error_s[0] <= MOST_S and run.tpot_error_s[1] <= WORST_S,
        "rate": abs(run.sent_per_s / run.due_per_s - 1) <= MOST_RATE_ERROR,
        "CPU": run.cpu_ms_per_request <= MOST_CPU_MS,
        "failures": run.failed == 0,
    }
    return [name for name, holds in held.items() if not holds]


def main() -> int:
    """Run each tool at each rate, one after the other, and print and write what came out."""
    runs: list[Run] = []
    installed = [peer for peer in load_peers.PEERS if peer.is_installed]
    print(header("load_client"))
    for rate_per_s in RATES:
        runs.append(ours(rate_per_s, seed=1))
        print(line(runs[-1]), flush=True)
        for peer in installed:
            runs.append(load_peers.run(peer, SERVER, rate_per_s, DURATION_S))
            print(line(runs[-1]), flush=True)
    write("load_client", {"server": asdict(SERVER), "runs": [each.as_json() for each in runs]})
    return 1 if any(each.missed() for each in runs) else 0


if __name__ == "__main__":
    if "--drive" in sys.argv:
        print(json.dumps(drive(*json.loads(sys.argv[-1]))))
        sys.exit()
    sys.exit(main())
