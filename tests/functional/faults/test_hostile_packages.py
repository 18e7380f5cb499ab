"""Packages whose plugins end the process, raise or wait for a keyboard, in runs as a user starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.standin_runs import BRIEF, bundles_in

CODE = """
import os, time
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend, StreamingStandInBackend

ENGINE = Plugin(name="acme", target="llem_acme:Engine", install="pip install llem-acme")
SERVER = Plugin(name="acme_server", target="llem_acme:Server", install="pip install llem-acme")
DATA = Plugin(name="acme", target="llem_acme:Data", install="pip install llem-acme")
METER = Plugin(name="acme", target="llem_acme:Meter", install="pip install llem-acme")
LIES = Plugin(name="lies", target="llem_acme:Lies", install="pip install llem-acme")
QUEUE = Plugin(name="acme", target="llem_acme:Queue", install="pip install llem-acme")
HOSTILE = Plugin(name="hostile", target="llem_acme_exits:Any", install="pip install llem-acme")

class Engine(StandInBackend):
    name = "acme"
    def encode(self, prompts): raise SystemExit(7)

class Server(StreamingStandInBackend):
    name = "acme_server"
    async def stream(self, request): return []

class Data:
    name = "acme"
    def check(self, config): return None
    def prompts(self, config, seed): return [input("How many? ")]

class Meter:
    name, period_s = "acme", 0.05
    def open(self, options): return [Channel(meter="acme", domain="system", device="a", label="a", method="sampled")]
    def read(self, offset_ns): raise SystemExit("enough")
    def close(self): os.fsync("x")

class Lies(Meter):
    name, n_read = "lies", 0
    def read(self, offset_ns):
        self.n_read += 1
        power_w = 10.0 if self.n_read < 10 else -50.0 - self.n_read % 3
        return [Sample(0, time.monotonic_ns() + offset_ns, power_w=power_w)]
    def close(self): pass

class Queue:
    name = "acme"
    def __init__(self, config): pass
    def submit(self, folder): return self
    def events(self): raise SystemExit(9)
    def interrupt(self): raise SystemExit(9)
    def wait(self): raise SystemExit(9)
"""
POINTS = """acme = llem_acme:ENGINE
acme_server = llem_acme:SERVER
[llenergymeasure.workloads]
acme = llem_acme:DATA
hostile = llem_acme:HOSTILE
[llenergymeasure.meters]
acme = llem_acme:METER
lies = llem_acme:LIES
hostile = llem_acme:HOSTILE
[llenergymeasure.launchers]
acme = llem_acme:QUEUE
hostile = llem_acme:HOSTILE
"""


def _run(tmp_path: Path, env: dict[str, str], **settings: Any) -> tuple[int, str]:
    """Return exit code and standard error of `llem run`, whose standard input stays open and says nothing."""
    site = tmp_path / "site"
    (site / "llem_acme.py").write_text(CODE)
    (site / "llem_acme_exits.py").write_text("raise SystemExit('no licence')")
    with (site / "llem_standin-1.0.dist-info" / "entry_points.txt").open("a") as points:
        points.write(POINTS)
    path = tmp_path / "experiment.yaml"
    given = {key: value for key, value in {**BRIEF, **settings}.items() if value}
    path.write_text(yaml.safe_dump(given))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), f"--output={tmp_path / 'out'}"]
    with subprocess.Popen(
        command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        try:
            told = process.stderr.read()
            code = process.wait(60)
        finally:
            process.kill()
    assert "Traceback" not in told
    assert "internal error" not in told
    return code, told


def test_code_that_asks_a_question_finds_the_keyboard_gone(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    code, told = _run(tmp_path, standin_env, workload={"dataset": "acme", "n_prompts": 4})
    assert code == 2
    assert "data set 'acme' gives no prompts: EOFError: it waits for input from a keyboard" in told


@pytest.mark.parametrize(
    ("backend", "load", "said"),
    [
        ("acme", {}, "backend 'acme' failed in encode(): SystemExit: 7"),
        (
            "acme_server",
            {"kind": "closed", "concurrency": 2},
            "backend 'acme_server' failed in stream(): TypeError",
        ),
    ],
)
def test_a_backend_that_exits_or_streams_nothing_is_named(
    tmp_path: Path, standin_env: dict[str, str], backend: str, load: dict[str, Any], said: str
) -> None:
    code, told = _run(tmp_path, standin_env, backend=backend, load=load, standin=None)
    assert code == 4
    assert said in " ".join(told.split())


def test_a_meter_that_ends_its_process_costs_its_own_samples_alone(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    code, told = _run(tmp_path, standin_env, energy={"meters": ["acme", "estimate"]})
    assert code == 0, told
    assert "meter 'acme' failed; its samples are marked so from here on: SystemExit: enough" in told


def test_power_below_zero_is_no_energy(tmp_path: Path, standin_env: dict[str, str]) -> None:
    code, told = _run(tmp_path, standin_env, energy={"meters": "lies"})
    assert code == 0, told
    assert "a published values that cannot be (below zero, infinite or far too large)" in " ".join(
        told.split()
    )
    (bundle,) = bundles_in(tmp_path)
    result = json.loads((bundle / "result.json").read_text())
    assert result["total_energy_j"] is None
    assert {"energy_unknown", "sensor_values_impossible"} <= {each["code"] for each in result["warnings"]}


def test_a_launcher_that_fails_everywhere_is_named(tmp_path: Path, standin_env: dict[str, str]) -> None:
    code, told = _run(tmp_path, standin_env, launcher={"kind": "acme"})
    assert code == 6
    assert "launcher 'acme' failed in wait(): SystemExit: 9" in told
    assert "The folder of the job was kept: " in told


@pytest.mark.parametrize(
    "settings",
    [
        {"workload": {"dataset": "hostile", "n_prompts": 4}},
        {"energy": {"meters": "hostile"}},
        {"launcher": {"kind": "hostile"}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_package_that_exits_when_it_is_imported_is_named(
    tmp_path: Path, standin_env: dict[str, str], settings: dict[str, Any]
) -> None:
    code, told = _run(tmp_path, standin_env, **settings)
    assert code in (2, 3, 5)
    assert "llem_acme_exits:Any: SystemExit: no licence → pip install llem-acme" in " ".join(told.split())
