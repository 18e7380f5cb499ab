"""How often the 95 % intervals of latency percentiles contain the true percentile, and how wide they are.

The generators below were not used to choose anything in the intervals: neither has a margin that was fitted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.report import end_interrupted, machine, write
from numpy.typing import NDArray

from llenergymeasure.metrics.statistics.distributions import PERCENTILES, Values, describe

RUNS = 1000
BATCH = 8
WINDOWS = (3, 5, 10)
REQUESTS = (40, 160, 400)
TRUTH_VALUES = 1_000_000

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Where latencies come from: `window` draws those of one window, whose level differs by `drift` from the others."""

    title: str
    window: Draw
    in_order_of_time: bool = False
    group: int = 1
    """Requests of one batch."""
    drift: float = 0.0
    """Standard deviation of the logarithm of a window's level."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Of the runs in which a percentile was stated: how often its interval contained the true one, and its width."""

    generator: str
    windows: int
    requests: int
    """In each window."""
    percentile: str
    stated: int
    covered: float | None
    """Fraction of those stated; None where there are none."""
    half_width: float | None
    """Mean, over the true percentile."""


def independent(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return Weibull times with a long tail."""
    return 0.05 + 0.1 * rng.weibull(0.8, n)


def shared(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return times that all requests of a batch share, as a time to first token."""
    return np.repeat(independent(rng, n // BATCH), BATCH)


def partly_shared(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return times of which a part is that of the batch, and a part that of the request."""
    return shared(rng, n) + 0.1 * rng.weibull(1.2, n // BATCH * BATCH)


def queued(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return the times in a queue with one server, 60 % busy (Lindley): neighbours depend on each other."""
    slack = rng.exponential(1.0, n + 200) - rng.exponential(1 / 0.6, n + 200)
    walk = np.concatenate([[0.0], np.cumsum(slack)])
    waits = (walk - np.minimum.accumulate(walk))[-n:]
    return np.asarray(0.05 * (waits + rng.exponential(1.0, n)))


GENERATORS: Sequence[Generator] = (
    Generator(title="independent requests", window=independent, in_order_of_time=True),
    Generator(title="static batches, times shared", window=shared, group=BATCH),
    Generator(title="static batches, times partly shared", window=partly_shared, group=BATCH),
    Generator(
        title="slow drift between repeats (10 %)", window=independent, in_order_of_time=True, drift=0.10
    ),
    Generator(
        title="drift larger than what differs within (10 % and 2 %)",
        window=lambda rng, n: 0.02 * np.exp(0.02 * rng.standard_t(8, n)),
        in_order_of_time=True,
        drift=0.10,
    ),
    Generator(title="a queue, 60 % busy", window=queued, in_order_of_time=True),
)


def coverage(generator: Generator, windows: int, requests: int, runs: int = RUNS, seed: int = 0) -> list[Row]:
    """Return the row of each percentile, over so many simulated runs.

    The true percentile is the mean, over all windows that there could be, of a window's own.
    """
    rng = np.random.default_rng(seed)
    true = _true_percentiles(generator, rng)
    stated: dict[str, list[tuple[bool, float]]] = {name: [] for name in PERCENTILES}
    for _ in range(runs):
        found = describe(
            [_window(generator, rng, requests) for _ in range(windows)], unit="s", things="requests"
        )
        for name, values in stated.items():
            estimate = found.statistics.get(name)
            if estimate is not None and estimate.low is not None and estimate.high is not None:
                inside = estimate.low <= true[name] <= estimate.high
                values.append((inside, (estimate.high - estimate.low) / 2 / true[name]))
    return [
        Row(
            generator=generator.title,
            windows=windows,
            requests=requests,
            percentile=name,
            stated=len(values),
            covered=float(np.mean([inside for inside, _ in values])) if values else None,
            half_width=float(np.mean([half for _, half in values])) if values else None,
        )
        for name, values in stated.items()
    ]


def _window(generator: Generator, rng: np.random.Generator, requests: int) -> Values:
    values = generator.window(rng, requests) * np.exp(generator.drift * rng.normal())
    group = np.arange(len(values)) // generator.group
    return Values(value=values, group=group, in_order_of_time=generator.in_order_of_time)


def _true_percentiles(generator: Generator, rng: np.random.Generator) -> dict[str, float]:
    many = generator.window(rng, TRUTH_VALUES)
    level = np.exp(generator.drift**2 / 2)
    return {name: float(np.quantile(many, fraction) * level) for name, fraction in PERCENTILES.items()}


def main() -> None:
    """Print the table as its rows come, and write `out/latency_coverage.json`; Ctrl-C ends it early."""
    here = machine()
    print(f"\nlatency percentiles, {RUNS} runs a row ({here['cores']} cores, Python {here['python']})")
    print("  covered, half-width over the percentile; -: stated in none, (n %): stated in so many")
    rows: list[Row] = []
    try:
        for generator in GENERATORS:
            heads = "".join(f"{name:>22}" for name in PERCENTILES)
            print(f"\n{generator.title}\n  windows x requests  {heads}", flush=True)
            for windows, requests in itertools.product(WINDOWS, REQUESTS):
                cells = coverage(generator, windows, requests)
                rows += cells
                line = "".join(f"{_cell(row):>22}" for row in cells)
                print(f"  {windows:7} x {requests:<10}{line}", flush=True)
    except KeyboardInterrupt:
        finished = len(rows) // len(PERCENTILES)
        end_interrupted("latency_coverage", finished * RUNS, {"rows": [asdict(row) for row in rows]})
    write("latency_coverage", {"rows": [asdict(row) for row in rows]})


def _cell(row: Row) -> str:
    if row.covered is None or row.half_width is None:
        return "-"
    share = "" if row.stated > 0.995 * RUNS else f" ({100 * row.stated / RUNS:.0f} %)"
    return f"{100 * row.covered:.1f} %, ±{100 * row.half_width:.0f} %{share}"


if __name__ == "__main__":
    main()
