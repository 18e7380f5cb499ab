"""What a window costs to open and close, how long a large trace takes to become a result, and many energies of it."""

from __future__ import annotations

import time

import numpy as np
from benchmarks.report import figure, publish

from llenergymeasure.config.load import OfflineLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import Channel, EnergyTrace, Phase, sample_dtype
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import DriverInputs, WindowPlan
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.testing import STANDIN, StandInBackend, VirtualClock, installed

WINDOWS = 200
GPUS, SECONDS, RATE_HZ, TICK_S = 8, 600, 50, 0.1
ASSEMBLIES = 5
REQUESTS = 10_000


def main() -> None:
    """Time empty windows, and the assembly of ten minutes of eight GPUs."""
    with installed("backends", STANDIN):
        publish(
            "harness_cost",
            [
                figure("open and close a window", "ms", _windows_ms(), 5.0),
                figure("assemble 8 GPUs x 10 min x 50 Hz", "s", _assemblies_s(), 1.0),
                figure(
                    "energies of 20,000 intervals on these GPUs, with uncertainty", "s", _energies_s(), 2.0
                ),
            ],
        )


def _windows_ms() -> list[float]:
    backend, clock = StandInBackend(), VirtualClock()
    config = ExperimentConfig(model="any", backend="standin", standin={"token_s": 0, "output_tokens": 1})
    backend.load(config, clock)
    workload = backend.encode([Prompt(prompt_id="p", n_tokens=1, token_seed=0)])
    driver = OfflineDriver(OfflineLoad(), DriverInputs(backend=backend, workload=workload, clock=clock))
    plan = WindowPlan(min_duration_s=0, passes=1)
    spent = []
    for number in range(WINDOWS):
        log = Recorder(clock=clock)
        start = time.perf_counter()
        measure_window(driver, plan, number, log, Unmetered())
        spent.append((time.perf_counter() - start) * 1e3)
    return spent


def _assemblies_s() -> list[float]:
    raw, config = large_run(), ExperimentConfig(model="any", backend="standin")
    spent = []
    for _ in range(ASSEMBLIES):
        start = time.perf_counter()
        result = assemble(config, raw).result
        spent.append(time.perf_counter() - start)
        assert result.total_energy_j is not None
    return spent


def _energies_s() -> list[float]:
    """Time prefill and decoding of 10,000 requests that overlap, as a server with continuous batching has them."""
    trace, random = large_run().trace, np.random.default_rng(0)
    sent_s = np.sort(random.uniform(5, SECONDS - 15, REQUESTS))
    first_token_s = sent_s + random.uniform(0.05, 0.4, REQUESTS)
    ended_s = first_token_s + random.uniform(0.5, 8.0, REQUESTS)
    edges_ns = [(each * 1e9).astype("i8") + unix_ns(0) for each in (sent_s, first_token_s, ended_s)]
    start_ns, end_ns = np.concatenate(edges_ns[:2]), np.concatenate(edges_ns[1:])
    spent = []
    for _ in range(ASSEMBLIES):
        account = EnergyAccount(trace)
        start = time.perf_counter()
        energy_j = account.total_energies(start_ns, end_ns).energy_j
        errors = account.uncertainties(start_ns, end_ns)
        spent.append(time.perf_counter() - start)
        assert np.isfinite(energy_j).all()
        assert all(np.isfinite(each.random_j).all() for each in errors)
    return spent


def large_run() -> RawRun:
    """Return ten minutes of eight GPUs, without requests."""
    parts = [_samples(channel) for channel in range(GPUS)]
    samples = np.concatenate(parts)
    samples = samples[np.argsort(samples["t_unix_ns"], kind="stable")]
    channels = tuple(
        Channel(
            meter="nvml",
            domain="gpu",
            device=f"GPU-{number}",
            label=f"GPU {number}",
            method="counter",
            averaging_window_s=0.025,
        )
        for number in range(GPUS)
    )
    phases = tuple(
        Phase(
            name="window",
            repeat=number,
            start_unix_ns=unix_ns(30 + 55 * number),
            end_unix_ns=unix_ns(80 + 55 * number),
        )
        for number in range(10)
    )
    return RawRun(
        trace=EnergyTrace(channels=channels, samples=samples),
        phases=phases,
        requests=RequestTable.empty(),
        facts=RunFacts(experiment_id="run", stopped_because="fixed"),
    )


def _samples(channel: int) -> np.ndarray:
    """Return what a card shows whose power wanders: a counter and a power reading that move every tenth of a second."""
    random = np.random.default_rng(channel)
    times = np.cumsum(random.uniform(0.25, 1.75, SECONDS * RATE_HZ)) / RATE_HZ
    ticks = np.arange(int(times[-1] / TICK_S) + 2)
    power_w = 300 + 100 * np.sin(ticks / random.uniform(3, 30)) + random.normal(0, 5, len(ticks))
    energy_j = np.concatenate([[0.0], np.cumsum(power_w * TICK_S)])
    samples = np.zeros(len(times), dtype=sample_dtype())
    samples["channel"], samples["t_unix_ns"] = channel, (times * 1e9).astype("i8") + unix_ns(0)
    shown = (times / TICK_S).astype(int)
    samples["power_w"] = (power_w + random.normal(0, 20, len(ticks)))[shown]
    samples["energy_j"] = energy_j[shown]
    return samples


def unix_ns(seconds: float) -> int:
    """Return a moment of the run as Unix time."""
    return 1_700_000_000_000_000_000 + round(seconds * 1e9)


if __name__ == "__main__":
    main()
