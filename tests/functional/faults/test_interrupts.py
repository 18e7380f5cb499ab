"""An interrupt ends every command with 130 and one sentence, from the first line of ours on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from llenergymeasure.core.python_process import python_command
from llenergymeasure.launchers.job_folder import EventReader
from tests.support.standin_runs import bundles_in, wait_for
from tests.support.typed import llem, quick_run

BUNDLE = str(Path("tests/data/bundle-2.0.0-draft").absolute())
COMMANDS = {
    "schema": ["schema"],
    "show": ["show", BUNDLE],
    "verify": ["verify", BUNDLE],
    "doctor": ["doctor"],
    "calibrate": ["calibrate", "--meters", "estimate"],
}


WATCH = """
import runpy, signal, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package not in {*sys.stdlib_module_names, "llenergymeasure"} and not signal.getsignal(signal.SIGTERM):
            sys.exit(f"{name} is imported while an interrupt would be a traceback")

sys.meta_path.insert(0, Watch())
sys.argv[0] = "llem"
if "module" in sys.argv:
    sys.argv.remove("module")
    runpy.run_module("llenergymeasure", run_name="__main__", alter_sys=True)
else:
    from llenergymeasure.cli.main import main
    main()
"""


def _start(
    tmp_path: Path, env: dict[str, str] | None, *arguments: str, python: list[str] | None = None
) -> subprocess.Popen[str]:
    command = python or llem(tmp_path, *arguments)
    return subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _listens(process: subprocess.Popen[str]) -> bool:
    """Whether a handler for SIGTERM is there: Python sets none, so our first line has run."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def _job(output: Path) -> Path | None:
    return next((output / "single" / ".jobs").glob("*"), None)


def _wait_for_window(output: Path) -> Path:
    job = wait_for(lambda: _job(output))
    wait_for(lambda: any(event.phase == "window" for event in EventReader(job).unread()))
    return job


@pytest.mark.parametrize("command", ["run", *COMMANDS])
@pytest.mark.parametrize("start", [[], ["module"]], ids=["script", "module"])
def test_an_interrupt_is_answered_before_anything_large_is_imported(command: str, start: list[str]) -> None:
    typed = [sys.executable, "-c", WATCH, *start, command, "--help"]
    done = subprocess.run(typed, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


@pytest.mark.parametrize("after_s", [0, 0.1, 0.3])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_interrupted_says_so_in_one_line(tmp_path: Path, name: str, after_s: float) -> None:
    process = _start(tmp_path, None, *COMMANDS[name])
    wait_for(lambda: _listens(process))
    time.sleep(after_s)
    if process.poll() is not None:
        pytest.skip("it had ended by then")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    done = {
        0,
        -signal.SIGINT,
        *([9] if name == "verify" else []),
    }  # that bundle is of an older format, and differs
    if process.returncode not in done:  # else it was done, and the interpreter about to end
        assert process.returncode == 130, err
        assert err.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize("job", [b"", b'{"names": ["rap'])
def test_a_probe_whose_parent_was_interrupted_says_nothing(job: bytes) -> None:
    done = subprocess.run(
        python_command("llenergymeasure.meters.probe_process"),
        input=job, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("after_s", [0, 0.3, 0.7, 1.2])
def test_a_run_that_is_interrupted_leaves_what_it_says(
    tmp_path: Path, standin_env: dict[str, str], after_s: float
) -> None:
    output = tmp_path / "out"
    process = _start(tmp_path, standin_env, *quick_run(output, window_s=60))
    wait_for(lambda: _listens(process))
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("interrupted")
    kept = bundles_in(tmp_path)
    assert len(kept) == ("what was measured until then is in" in err)
    assert _job(output) is None


def test_two_interrupts_at_once_are_one_end(tmp_path: Path, standin_env: dict[str, str]) -> None:
    process = _start(tmp_path, standin_env, *quick_run(tmp_path / "out", window_s=60))
    wait_for(lambda: _job(tmp_path / "out"))
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    first = next(line for line in process.stderr if line.startswith("stopping;"))  # two at once would be one
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in first + err
    assert "stopping at once" in err


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU])
def test_the_end_of_a_terminal_or_of_a_batch_job_ends_a_run_in_order(
    tmp_path: Path, standin_env: dict[str, str], number: signal.Signals
) -> None:
    """It reaches every process of the job at the same moment: this one, the worker, the sampler."""
    output = tmp_path / "out"
    process = _start(tmp_path, standin_env, *quick_run(output, window_s=60))
    _wait_for_window(output)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in family:
        os.kill(each.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")
    assert _job(output) is None
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_a_run_in_the_background_of_a_script_stops_when_it_is_told(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    """A shell starts `llem run ... &` with SIGINT ignored, and what `llem` starts inherits that."""
    output = tmp_path / "out"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = _start(tmp_path, standin_env, *quick_run(output, window_s=60))
    finally:
        signal.signal(signal.SIGINT, before)
    _wait_for_window(output)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    (bundle,) = bundles_in(tmp_path)
    assert bundle.name.endswith(".interrupted")


SCRIPT = """
import sys
from llenergymeasure import run_experiment
from llenergymeasure.exceptions import InterruptedExperimentError
try:
    run_experiment(sys.argv[1])
except InterruptedExperimentError as error:
    print("kept:", error)
"""


def test_python_callers_are_told_of_the_end_of_a_job(tmp_path: Path, standin_env: dict[str, str]) -> None:
    settings = tmp_path / "experiment.yaml"
    dry = subprocess.run(
        llem(tmp_path, *quick_run(tmp_path / "out", window_s=60), "--dry-run"),
        env=standin_env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    settings.write_text(yaml.safe_dump(yaml.safe_load(dry.stdout)))
    process = _start(tmp_path, standin_env, python=[sys.executable, "-c", SCRIPT, str(settings)])
    _wait_for_window(tmp_path / "out")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("kept: interrupted; what was measured until then is in")
    assert _job(tmp_path / "out") is None
