"""Whether recording the times of tokens, and the steps that follow from them, slows generation: one model, by turns.

Bare, recorded, recorded, bare: a round takes a few seconds, so that most of the machine's drift cancels. Processor time
is what others on the machine disturb least.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, figure, publish
from benchmarks.sides import BATCH_SIZE, batch_settings, write_prompts

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.generation import TokenTimes, generate_batch
from llenergymeasure.backends.pytorch.steps import StepColumns
from llenergymeasure.config.loader import load_config
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.orchestration.readiness.selection import find_workload

ROUNDS = 40
NEW_TOKENS = 6
STEPS_TIMED = 20_000
BAR_PERCENT = 1.0
CLOCKS: Mapping[str, Callable[[], float]] = {"time": time.perf_counter, "processor time": time.process_time}
Turn = Mapping[str, float]
"""Seconds that one batch took, by clock."""


def main() -> None:
    """Print by how much the two inner turns of each round took longer than the outer ones, by either clock."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        rounds = _rounds(*_prepare(Path(folder)))
    figures = [each for name in CLOCKS for each in _compared(name, rounds)]
    one_step_us = [_one_step_us() for _ in range(ROUNDS)]
    batch_s = statistics.median(turn["processor time"] for turns in rounds for turn in (turns[0], turns[-1]))
    share = [each * NEW_TOKENS / (batch_s * 1e6) * 100 for each in one_step_us]
    figures += [
        figure("processor time to record one step", "us", one_step_us),
        figure("of all steps, in that of a bare batch", "%", share, BAR_PERCENT),
    ]
    publish("token_times", figures)


def _compared(name: str, rounds: Sequence[Sequence[Turn]]) -> Iterator[Figure]:
    noise, slower = [], []
    for turns in rounds:
        before, first, second, after = (turn[name] for turn in turns)
        noise.append((after / before - 1) * 100)
        slower.append(((first + second) / (before + after) - 1) * 100)
    yield figure(f"{name}: bare against bare", "%", noise)
    yield figure(f"{name}: with token times and steps", "%", slower, BAR_PERCENT)


def _rounds(bare: Callable[[], object], recorded: Callable[[], object]) -> list[list[Turn]]:
    for _ in range(2):
        bare(), recorded()
    return [[_timed(work) for work in (bare, recorded, recorded, bare)] for _ in range(ROUNDS)]


def _timed(work: Callable[[], object]) -> Turn:
    starts = {name: clock() for name, clock in CLOCKS.items()}
    work()
    return {name: clock() - starts[name] for name, clock in CLOCKS.items()}


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
    config = load_config(None, batch_settings(write_prompts(folder), NEW_TOKENS))
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


if __name__ == "__main__":
    main()
