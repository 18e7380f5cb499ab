"""Other load generators on the stand-in server, each in an environment of its own (`make bench-load` makes it)."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from benchmarks.load_run import Run

from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import RunningStandIn, standin_server

ENVIRONMENTS = Path(".venvs")
PROMPT = {"prompt": "Why does bread go stale?"}
PROMPTS = 2000
ENDS_WITHIN_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What a tool says of its requests that were answered, and how many others there were."""

    ttft_s: Sequence[float]
    tpot_s: Sequence[float]
    sent_per_s: float
    failed: int


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One tool: how it is started on a server, with a rate and a duration, and how its report is read."""

    name: str
    command: Callable[[RunningStandIn, float, float, Path], list[str]]
    read: Callable[[Path], Reported]

    @property
    def is_installed(self) -> bool:
        return (ENVIRONMENTS / self.name / "bin" / self.name).exists()


def run(peer: Peer, options: StandInServer, rate_per_s: float, duration_s: float) -> Run:
    """Run a tool and compare the distributions that it reports with the true ones.

    Its processor time is that of the whole tool, less that of a run of a second at the same rate: it is long in
    starting.
    """
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder, standin_server(options) as server:
        cpu_s = _cpu_s(peer, server, rate_per_s, duration_s, Path(folder))
        reported = peer.read(Path(folder))
        with urllib.request.urlopen(f"{server.root}/truth") as answer:
            true = np.array([times for _, *times in json.load(answer)])
    start_s, start_requests = _start(peer, options, rate_per_s)
    true_ttft_s, true_tpot_s = true[:, 1] - true[:, 0], (true[:, 2] - true[:, 1]) / (options.n_chunks - 1)
    return Run(
        tool=peer.name,
        asked_per_s=rate_per_s,
        due_per_s=rate_per_s,
        sent_per_s=reported.sent_per_s,
        cpu_ms_per_request=(cpu_s - start_s) / max(len(true) - start_requests, 1) * 1e3,
        ttft_error_s=_apart(reported.ttft_s, true_ttft_s),
        tpot_error_s=_apart(reported.tpot_s, true_tpot_s),
        failed=reported.failed,
    )


@cache
def _start(peer: Peer, options: StandInServer, rate_per_s: float) -> tuple[float, int]:
    """Return processor time and requests of a run of a second."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder, standin_server(options) as server:
        cpu_s = _cpu_s(peer, server, rate_per_s, 1.0, Path(folder))
        with urllib.request.urlopen(f"{server.root}/truth") as answer:
            return cpu_s, len(json.load(answer))


def _cpu_s(peer: Peer, server: RunningStandIn, rate_per_s: float, duration_s: float, folder: Path) -> float:
    (folder / "prompts.jsonl").write_text(f"{json.dumps(PROMPT)}\n" * PROMPTS, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = peer.command(server, rate_per_s, duration_s, folder)
    environment = {**os.environ, "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    log = folder / "log"
    with log.open("w") as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, env=environment, timeout=ENDS_WITHIN_S, check=False
        )
    if done.returncode != 0:
        raise SystemExit(f"{peer.name} ended with {done.returncode}: {log.read_text()[-1000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _apart(reported: Sequence[float], true: np.ndarray) -> tuple[float, float]:
    """Return how far the medians and the 99th percentiles of two distributions are apart."""
    median, worst = np.abs(np.percentile(reported, [50, 99]) - np.percentile(true, [50, 99]))
    return float(median), float(worst)


def _guidellm(server: RunningStandIn, rate_per_s: float, duration_s: float, folder: Path) -> list[str]:
    return [
        str(ENVIRONMENTS / "guidellm/bin/guidellm"),
        *("run", "--disable-console"),
        *("--backend", f"kind=openai_http,target={server.root},model=stand-in"),
        *("--profile", f"kind=poisson,rate={rate_per_s}"),
        *("--constraint", f"kind=max_duration,seconds={duration_s}"),
        *("--data", f"kind=json_file,path={folder / 'prompts.jsonl'}"),
        *("--output", f"kind=json,path={folder / 'report.json'}"),
    ]


def _read_guidellm(folder: Path) -> Reported:
    """Its `inter_token_latency_ms` is the mean of a request, (last - first) / (tokens - 1): our time per token."""
    (told,) = json.loads((folder / "report.json").read_text(encoding="utf-8"))["benchmarks"]
    answered, others = told["requests"]["successful"], told["requests"]["incomplete"]
    failed = told["requests"]["errored"]
    return Reported(
        ttft_s=[each["time_to_first_token_ms"] / 1e3 for each in answered],
        tpot_s=[each["inter_token_latency_ms"] / 1e3 for each in answered],
        sent_per_s=(len(answered) + len(others) + len(failed)) / told["duration"],
        failed=len(failed),
    )


PEERS = (Peer(name="guidellm", command=_guidellm, read=_read_guidellm),)
