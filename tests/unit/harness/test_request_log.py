"""Claims about the requests of a run as it goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from llenergymeasure.harness import request_log
from llenergymeasure.harness.request_log import RequestLog
from llenergymeasure.results.request_spool import read_spool
from tests.support.requests import request


def test_requests_from_many_threads_are_all_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(request_log, "BLOCK_REQUESTS", 7)
    with RequestLog(tmp_path / "requests.jsonl") as log:

        def serve(thread: int) -> None:
            for number in range(50):
                log.append(request(f"{thread}-{number}", token_s=(1.0, 2.0)))

        threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = {f"{thread}-{number}" for thread in range(4) for number in range(50)}
    assert set(log.table().request_id) == set(read_spool(tmp_path / "requests.jsonl").request_id) == expected
    assert len(log) == len(log.table()) == 200


def test_a_table_taken_while_the_run_goes_on_does_not_grow() -> None:
    log = RequestLog()
    log.append(request("a"))
    early = log.table()
    log.append(request("b"))
    assert (early.request_id.tolist(), log.table().request_id.tolist()) == (["a"], ["a", "b"])


def test_a_killed_run_keeps_the_requests_that_ended_a_moment_before(tmp_path: Path) -> None:
    spool = tmp_path / "requests.jsonl"
    run = f"""
import os, signal, time
from pathlib import Path
from llenergymeasure.harness.request_log import RequestLog
from tests.support.requests import request

spool = Path({str(spool)!r})
spool.touch()
log = RequestLog(spool)
for name in ("a", "b"):
    log.append(request(name, token_s=(1.0, 2.0)))
while spool.read_bytes().count(b"\\n") < 2:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", run], cwd=root, check=False, timeout=60)
    assert done.returncode == -9
    assert read_spool(spool).request_id.tolist() == ["a", "b"]
