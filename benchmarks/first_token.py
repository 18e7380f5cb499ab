"""How much later the first measured token comes than in a bare script that imports, loads and generates."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.report import figure, publish
from benchmarks.sides import run_bare, run_llem, write_prompts

PAIRS = 5
BAR_S = 1.0


def main() -> None:
    """Start both sides in turns, each in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:
        prompts = write_prompts(Path(folder))
        run_bare(prompts, passes=0, windows=0)
        bare, ours = [], []
        for _ in range(PAIRS):
            bare.append(run_bare(prompts, passes=0, windows=0).first_token_s)
            ours.append(run_llem(prompts, min_duration_s=0, windows=1, warmup_batches=0).first_token_s)
    later = [after - before for before, after in zip(bare, ours, strict=True)]
    publish(
        "first_token",
        [
            figure("bare script, start to first token", "s", bare),
            figure("llem run, start to first measured token", "s", ours),
            figure("llem over bare, pair by pair", "s", later, BAR_S),
        ],
    )


if __name__ == "__main__":
    main()
