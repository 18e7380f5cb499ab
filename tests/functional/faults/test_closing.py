"""What fails when a run closes what it opened costs no figure, and hides no earlier error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from llenergymeasure.api import load_result, verify
from tests.support.plugin_fixtures import add_backend
from tests.support.standin_runs import bundles_in
from tests.support.typed import llem, quick_run

BACKEND = """
import os, signal
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend

STUBBORN = Plugin(name="stubborn", target="llem_stubborn:Stubborn", install="pip install llem-stubborn")

class Stubborn(StandInBackend):
    name = "stubborn"

    def run(self, requests, done):
        if {run_fails}:
            raise RuntimeError("the device is lost")
        super().run(requests, done)

    def close(self):
        super().close()
        {closing}
"""


def _run(tmp_path: Path, env: dict[str, str], closing: str, *, run_fails: bool = False) -> str:
    """Return what is said on standard error, after the exit code."""
    source = BACKEND.format(closing=closing, run_fails=run_fails)
    add_backend(tmp_path, "stubborn", "llem_stubborn:STUBBORN", source)
    done = subprocess.run(
        llem(tmp_path, *quick_run(tmp_path / "out"), "--backend=stubborn"),
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert not (tmp_path / "out" / "single" / ".jobs").exists()
    return f"{done.returncode} {done.stderr}"


@pytest.mark.parametrize(
    ("closing", "told"),
    [
        (
            "raise ValueError('cannot free')",
            ["After the last window: backend 'stubborn' failed in close(): ValueError: cannot free."],
        ),
        ("os.kill(os.getpid(), signal.SIGINT)", []),
    ],
    ids=["raises", "interrupted"],
)
def test_a_backend_that_cannot_be_closed_costs_no_figure(
    tmp_path: Path, standin_env: dict[str, str], closing: str, told: list[str]
) -> None:
    said = _run(tmp_path, standin_env, closing)
    assert said.startswith("0 "), said
    (bundle,) = bundles_in(tmp_path)
    result = load_result(bundle)
    assert result.total_energy_j is not None
    assert [each.message for each in result.warnings if each.code == "closing_failed"] == told
    assert verify(bundle).ok


def test_the_error_of_a_run_is_told_and_not_that_of_closing(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    said = _run(tmp_path, standin_env, "raise ValueError('cannot free')", run_fails=True)
    assert said.startswith("4 ")
    assert "error: backend 'stubborn' failed in run(): RuntimeError: the device is lost" in said
