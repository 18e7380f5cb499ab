"""A reader of standard error who takes nothing holds up the text, and never the end of `llem`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.standin_runs import bundles_in, wait_for
from tests.support.typed import llem, quick_run

END_S = 40.0
"""A stop takes a second or two; not on a busy machine."""


def _full(kind: str) -> tuple[int, int]:
    """Return the two ends of a pipe, or a terminal, that takes nothing more."""
    reading, writing = os.pipe() if kind == "pipe" else os.openpty()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"\0" * 512):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
@pytest.mark.parametrize("window_s", [0.2, 60.0], ids=["measured", "in a window"])
def test_a_signal_ends_a_run_whose_standard_error_nobody_reads(
    tmp_path: Path, standin_env: dict[str, str], kind: str, window_s: float
) -> None:
    reading, writing = _full(kind)
    process = subprocess.Popen(
        llem(tmp_path, *quick_run(tmp_path / "out", window_s=window_s)),
        env=standin_env, stdout=subprocess.PIPE, stderr=writing,
    )  # fmt: skip
    if window_s < 1:
        wait_for(lambda: bundles_in(tmp_path), 60)
    else:
        wait_for(lambda: list((tmp_path / "out" / "single" / ".jobs").glob("*/spool/requests.jsonl")), 60)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=END_S)
    finally:
        process.kill()
        for each in (reading, writing):
            os.close(each)
    assert process.returncode in ([0, 130] if window_s < 1 else [130])
    (bundle,) = bundles_in(tmp_path)
    assert (bundle.suffix == ".interrupted") == (window_s > 1)
    assert not (tmp_path / "out" / "single" / ".jobs").exists()
