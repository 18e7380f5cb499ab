"""What it takes to make a result of 10,000 requests on eight GPUs, energy by request included: time and memory."""

from __future__ import annotations

import resource
import time
from dataclasses import replace

import numpy as np
from benchmarks.harness_cost import large_run, unix_ns
from benchmarks.report import figure, publish

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.attribution.by_request.attribute import attribute
from llenergymeasure.metrics.attribution.by_request.summary import summarise_attribution
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.testing import STANDIN, installed
from tests.support.simulated_serving import Engine, Mix

RUNS = 5
WINDOWS, WINDOW_S, REQUESTS = 10, 29.0, 10_000
MIX = Mix(slots=64, prompt_tokens=(20, 100), output_tokens=(20, 100), fills=True)


def main() -> None:
    """Time whole results, and the attribution alone."""
    with installed("backends", STANDIN):
        raw = _served_run()
        config = ExperimentConfig(model="any", backend="standin")
        assemble(config, raw)
        before_mb = _peak_mb()
        whole, alone = [], []
        for _ in range(RUNS):
            start = time.perf_counter()
            assemble(config, raw)
            whole.append(time.perf_counter() - start)
            account = EnergyAccount(raw.trace)
            start = time.perf_counter()
            found = attribute(account, raw.phases, raw.requests, raw.steps)
            assert not isinstance(found, str), found
            summarise_attribution(found)
            alone.append(time.perf_counter() - start)
        requests, steps = len(raw.requests), 0 if raw.steps is None else len(raw.steps)
        publish(
            "pricing_speed",
            [
                figure(f"assemble {requests} requests, {steps} steps, 8 GPUs", "s", whole, 2.0),
                figure("of that, the energy by request", "s", alone),
                figure("memory at the peak, all of the process", "MB", [before_mb]),
            ],
        )


def _served_run() -> RawRun:
    """Return the run of eight GPUs of `harness_cost`, with what a continuously batching engine did in its windows."""
    raw = large_run()
    engine = Engine(mix=MIX, rng=np.random.default_rng(1), now_s=0.0)
    phases = []
    for number in range(WINDOWS):
        engine.now_s = begin_s = 30.0 + 55 * number
        engine.serve(begin_s + WINDOW_S, number)
        end_ns = engine.steps[-1].end_unix_ns
        phases.append(Phase(name="window", repeat=number, start_unix_ns=unix_ns(begin_s), end_unix_ns=end_ns))
    assert len(engine.requests) >= REQUESTS
    return replace(
        raw,
        phases=tuple(phases),
        requests=RequestTable.from_records(engine.requests),
        steps=StepTable.from_records(engine.steps),
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
