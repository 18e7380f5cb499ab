"""`llem run` with vLLM in an interpreter of its own (`--python`): the whole way, and every way in which it ends."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from llenergymeasure.api import load_result
from llenergymeasure.launchers.job_folder import EventReader
from llenergymeasure.results.parquet.requests import read_requests
from llenergymeasure.results.parquet.steps import read_steps
from tests.support.processes import still_running
from tests.support.standin_runs import bundles_in, wait_for

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM: make test-vllm"),
]


def settings(folder: Path, *, window_s: float = 0.5, **fields: Any) -> dict[str, Any]:
    return {
        "model": str(folder),
        "backend": "vllm",
        "device": "cpu",
        "workload": {"n_prompts": 4, "max_input_tokens": 32, "max_output_tokens": 8},
        "decoder": {"ignore_eos": True},
        "measurement": {
            "baseline": {"idle_s": 0, "loaded_s": 0},
            "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": None},
            "window": {"min_duration_s": window_s},
            "repeats": {"min": 2, "max": 2},
        },
        "energy": {"meters": "estimate"},
        "vllm": {"engine": {"max_model_len": 512, "enforce_eager": True, "gpu_memory_utilization": 0.3}},
        **fields,
    }


@contextmanager
def start(tmp_path: Path, experiment: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A run of `llem`, which is killed, and its worker with it, where the test leaves it behind."""
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(experiment))
    command = [sys.executable, "-m", "llenergymeasure", "run", str(file), "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        [*command, "--python", sys.executable],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def job_in(tmp_path: Path) -> Path | None:
    return next((tmp_path / "out" / "single" / ".jobs").glob("*"), None)


def in_window(tmp_path: Path, run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until a run measures, and return all its processes."""
    job = wait_for(lambda: job_in(tmp_path) or run.poll() is not None, 300)
    assert run.poll() is None, run.communicate()
    wait_for(lambda: any(event.phase == "window" for event in EventReader(job).unread()), 400)
    return psutil.Process(run.pid).children(recursive=True)


def worker_of(run: subprocess.Popen[str]) -> psutil.Process:
    return next(
        each for each in psutil.Process(run.pid).children() if "llenergymeasure.worker" in each.cmdline()
    )


@pytest.fixture(scope="module")
def run(smollm2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the bundle of a run, and what `llem` said."""
    folder = tmp_path_factory.mktemp("run")
    with start(folder, settings(smollm2_folder)) as process:
        family = in_window(folder, process)
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, out + err
        assert not still_running(family, 10)
        (bundle,) = bundles_in(folder)
        return bundle, out + err


def test_a_run_counts_what_was_asked_for(run):
    bundle, _ = run
    requests = read_requests(bundle / "requests.parquet")
    assert set(requests.status) == {"ok"}
    assert (requests.output_tokens == 8).all()
    assert (requests.cached_prompt_tokens >= 0).all()


def test_the_steps_of_a_window_are_those_of_its_requests(run):
    bundle, _ = run
    steps, requests = read_steps(bundle / "steps.parquet"), read_requests(bundle / "requests.parquet")
    cached = int(requests.cached_prompt_tokens.sum())
    assert int(steps.prefill_tokens.sum()) == int(requests.prompt_tokens.sum()) - cached
    assert int(steps.decode_tokens.sum()) == int(requests.output_tokens.sum()) - len(requests)


def test_the_result_has_energy_latency_and_work_and_verifies(run):
    bundle, _ = run
    result = load_result(bundle)
    for name in ("energy_per_output_token_j", "output_tokens_per_s"):
        assert getattr(result, name), name
    done = subprocess.run(
        [sys.executable, "-m", "llenergymeasure", "verify", str(bundle)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((bundle / "run.json").read_text())["model_info"]["unknown"] == {}


def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(smollm2_folder, tmp_path):
    with start(tmp_path, settings(smollm2_folder, window_s=120)) as process:
        family = in_window(tmp_path, process)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=240)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert not still_running(family, 5)
        (bundle,) = bundles_in(tmp_path)
        assert bundle.name.endswith(".interrupted")


@pytest.mark.slow
def test_an_interrupt_while_the_engine_starts_leaves_no_process(smollm2_folder, tmp_path):
    with start(tmp_path, settings(smollm2_folder)) as process:
        engine = wait_for(
            lambda: [
                each
                for each in psutil.Process(process.pid).children(recursive=True)
                if "multiprocessing" in " ".join(each.cmdline()) and "spawn_main" in " ".join(each.cmdline())
            ],
            400,
        )
        family = psutil.Process(process.pid).children(recursive=True)
        assert engine
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=240)
        assert process.returncode == 130, err
        assert not still_running(family, 5)


@pytest.mark.slow
@pytest.mark.parametrize("of_engine", [False, True], ids=["worker", "engine"])
def test_a_killed_process_ends_the_run_with_one_sentence(smollm2_folder, tmp_path, of_engine):
    with start(tmp_path, settings(smollm2_folder, window_s=120)) as process:
        family = in_window(tmp_path, process)
        worker = worker_of(process)
        engines = [each for each in family if "VLLM::EngineCore" in " ".join(each.cmdline())]
        assert engines
        for each in engines if of_engine else [worker]:
            each.kill()
        _out, err = process.communicate(timeout=240)
        assert process.returncode == 4, err
        assert "Traceback" not in err
        assert not still_running(family, 10)


def test_what_vllm_does_not_take_is_refused_by_the_interpreter_that_has_it(smollm2_folder, tmp_path):
    wrong = {"engine": {"max_modle_len": 512}}
    with start(tmp_path, settings(smollm2_folder, vllm=wrong)) as process:
        _out, err = process.communicate(timeout=400)
        assert process.returncode == 3, err
        assert "vllm.engine.max_modle_len is no argument of vLLM" in err
        assert "(did you mean max_model_len?)" in err
        assert job_in(tmp_path) is None


@pytest.mark.slow
def test_memory_that_does_not_suffice_is_one_sentence_with_what_to_lower(smollm2_folder, tmp_path):
    tight = {"engine": {"max_model_len": 8192, "block_size": 16, "num_gpu_blocks_override": 4}}
    with start(tmp_path, settings(smollm2_folder, vllm=tight)) as process:
        _out, err = process.communicate(timeout=400)
        assert process.returncode == 4, err
        assert "cannot be loaded by vLLM" in err
        assert "max_model_len" in err
        assert "Traceback" not in err
