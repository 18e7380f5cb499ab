"""A signal becomes one KeyboardInterrupt, after an import that it would break."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import os, signal
try:
    os.kill(os.getpid(), signal.{name})
    for _ in range(1000): pass
except BaseException as error:
    raise ImportError("half imported") from error
imported = True
"""
PROGRAM = """
import sys, time
from llenergymeasure.core.processes.stop_signals import interrupt_on_stop_signals, stop_is_asked
heard = []
interrupt_on_stop_signals(lambda: heard.append(1), once={once})
try:
    import fragile
    assert stop_is_asked() and fragile.imported
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted", len(heard))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1", "SIGXCPU"])
@pytest.mark.parametrize("once", [True, False])
def test_an_import_is_finished_before_it_is_interrupted(tmp_path: Path, name: str, once: bool) -> None:
    (tmp_path / "fragile.py").write_text(MODULE.format(name=name))
    (tmp_path / "program.py").write_text(PROGRAM.format(once=once))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("interrupted 1\n", "")


BESIDE_A_THREAD = """
import os, signal, threading, time
from llenergymeasure.core.processes.stop_signals import interrupt_on_stop_signals, {block}
interrupt_on_stop_signals()
threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
try:
    with {block}():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100): time.sleep(0.001)
        print("whole")
    print("ignored")
except KeyboardInterrupt:
    print("then interrupted")
"""


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("stop_signals_blocked", ["whole", "then interrupted"]),
        ("stop_signals_ignored", ["whole", "ignored"]),
    ],
)
def test_a_signal_waits_for_the_end_of_a_block_also_where_another_thread_could_take_it(
    block: str, said: list[str]
) -> None:
    code = BESIDE_A_THREAD.format(block=block)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split("\n")[:2] == said
