"""Backends that report what cannot be, end the process, or fail to close, in runs as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.standin_runs import BRIEF, bundles_in

CODE = """
import os
from dataclasses import replace
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend

def declared(name):
    return Plugin(name=name, target=f"llem_acme:{name.title()}", install="pip install llem-acme")

class Negative(StandInBackend):
    name = "negative"
    def run(self, requests, done):
        super().run(requests, lambda record: done(replace(record, output_tokens=-5)))

class Text(StandInBackend):
    name = "text"
    def load(self, config, clock):
        super().load(config, clock)
        return "gpt2"

class Leaves(StandInBackend):
    name = "leaves"
    def run(self, requests, done): os._exit(0)

class Messy(StandInBackend):
    name = "messy"
    def close(self): raise ValueError("not my day")
"""
NAMES = ("negative", "text", "leaves", "messy")


@pytest.fixture
def env(tmp_path: Path, standin_env: dict[str, str]) -> dict[str, str]:
    """An environment in which these backends are installed."""
    site = tmp_path / "site"
    (site / "llem_acme.py").write_text(
        CODE + "\n".join(f"{name.upper()} = declared('{name}')" for name in NAMES)
    )
    info = site / "llem_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llem-acme\nVersion: 1.0\n")
    points = "\n".join(f"{name} = llem_acme:{name.upper()}" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[llenergymeasure.backends]\n{points}\n")
    return standin_env


def _run(tmp_path: Path, env: dict[str, str], backend: str) -> tuple[int, str]:
    """Return exit code and standard error of `llem run`, in one line."""
    path = tmp_path / "experiment.yaml"
    settings = {key: value for key, value in BRIEF.items() if key != "standin"}
    path.write_text(yaml.safe_dump({**settings, "backend": backend}))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(path), f"--output={tmp_path / 'out'}"]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.returncode, " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("negative", "wrongly: output_tokens is -5, no number of tokens → report it to the authors"),
        ("text", "failed in load(): it returns an object of type str, not a ModelInfo → report it"),
        ("leaves", "the worker ended with code 0 in or after the phase '"),
    ],
)
def test_the_backend_is_named_and_nothing_is_measured(
    tmp_path: Path, env: dict[str, str], backend: str, said: str
) -> None:
    code, told = _run(tmp_path, env, backend)
    assert code == 4, told
    assert said in told
    assert f"backend '{backend}'" in told
    assert bundles_in(tmp_path) == []


def test_a_backend_that_fails_to_close_keeps_its_result(tmp_path: Path, env: dict[str, str]) -> None:
    code, told = _run(tmp_path, env, "messy")
    assert code == 0, told
    assert "backend 'messy' failed in close(): ValueError: not my day" in told
    (bundle,) = bundles_in(tmp_path)
    assert (bundle / "result.json").exists()
