"""Whether a model generates slower under `llem` than bare, beside the noise of bare against bare."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.report import figure, publish
from benchmarks.sides import run_bare, run_llem, write_prompts

PAIRS = 3
PASSES = 1
WINDOWS = 3
BAR_PERCENT = 1.0


def main() -> None:
    """Run bare, llem, bare, bare, llem, bare...: each llem run stands between two bare ones."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        prompts = write_prompts(Path(folder))
        overhead, noise, sampler, starter = [], [], [], []
        for _ in range(PAIRS):
            before = _typical(run_bare(prompts, PASSES, WINDOWS).window_s) / PASSES
            side = run_llem(prompts, min_duration_s=before * PASSES, windows=WINDOWS, warmup_batches=1)
            after = _typical(run_bare(prompts, PASSES, WINDOWS).window_s) / PASSES
            overhead.append((_typical(side.window_s) / ((before + after) / 2) - 1) * 100)
            noise.append((after / before - 1) * 100)
            sampler += [side.sampler_core_fraction * 100]
            starter += [side.starter_core_fraction * 100]
    publish(
        "overhead",
        [
            figure("noise floor: bare against bare", "%", noise),
            figure("size of the noise floor", "%", [abs(each) for each in noise]),
            figure("llem against the bare runs around it", "%", overhead, BAR_PERCENT),
            figure("sampler process, of one core", "%", sampler, BAR_PERCENT),
            figure("starter process, of one core", "%", starter),
        ],
    )


def _typical(values: tuple[float, ...]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
