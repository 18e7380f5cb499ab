"""A system that starts no further thread or process: one sentence, nothing left, nobody blamed."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest

from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained
from tests.support.typed import llem, quick_run

TOLD = "error: the system starts no further thread for this user or container → end other programs, or raise"
STACK = 1 << 56
"""A stack of so many bytes, the size that the C library gives every new thread, fits nowhere."""


@pytest.mark.parametrize("command", ["run", "dry run", "doctor"])
def test_a_machine_without_threads_is_told_in_one_sentence(
    tmp_path: Path, standin_env: dict[str, str], command: str
) -> None:
    output = tmp_path / "out"
    run = quick_run(output)
    typed = {"run": run, "dry run": [*run, "--dry-run"], "doctor": ["doctor", "--output", str(output)]}
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    if hard != resource.RLIM_INFINITY:
        pytest.skip("the size of stacks is limited here")
    done = subprocess.run(
        llem(tmp_path, *typed[command]),
        env=standin_env, capture_output=True, text=True, timeout=90, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard)),
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(TOLD)
    assert not output.exists()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("can't start new thread"), BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))],
)
def test_a_plugin_that_meets_the_limit_is_not_blamed(error: Exception) -> None:
    def blaming(cause: str) -> BackendError:
        return BackendError(f"backend 'x' failed: {cause} → report it to the authors of the backend")

    with pytest.raises(BackendError) as raised, explained(blaming):
        raise error
    assert str(raised.value).startswith("the system starts no further ")
    assert "authors" not in str(raised.value)
