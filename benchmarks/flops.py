"""Executed FLOPs as we compute them beside those that torch counts, on tiny models of many architectures: all equal."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.report import machine, write

from tests.support.flop_counting import computed_work, counted_flops
from tests.support.tiny_architectures import TINY, build_tiny

BATCHES = {"1 row": (11,), "2 rows, padded": (12, 7)}
STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """One phase of one batch through one model; `computed` is None where the model is not understood."""

    model: str
    batch: str
    phase: str
    counted: int
    computed: float | None

    @property
    def difference(self) -> float | None:
        return None if self.computed is None else self.computed - self.counted


def main() -> int:
    """Print the table, write `out/flops.json`, and return 1 unless every difference is 0."""
    import transformers

    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    rows = [row for name in TINY for row in _rows(name, build_tiny(name))]
    here = machine()
    print(f"\nflops (transformers {transformers.__version__}, eager attention, Python {here['python']})")
    print(f"{'model':<23} {'batch':<15} {'phase':<8} {'counted':>12} {'computed':>12} {'difference':>10}")
    for row in rows:
        print(
            f"{row.model:<23} {row.batch:<15} {row.phase:<8} {row.counted:>12,} {_number(row.computed):>12} "
            f"{_number(row.difference):>10}"
        )
    unequal = [row for row in rows if row.difference != 0]
    print(f"{len(rows) - len(unequal)} of {len(rows)} equal, {len(TINY)} architectures")
    write("flops", {"machine": here, "rows": [{**asdict(row), "difference": row.difference} for row in rows]})
    return 1 if unequal else 0


def _rows(name: str, model: Any) -> Iterator[Row]:
    for batch, prompts in BATCHES.items():
        first = counted_flops(model, prompts, 1)
        later = counted_flops(model, prompts, 1 + STEPS) - first
        work = computed_work(model, prompts, 1 + STEPS)
        for phase, counted, computed in (("prefill", first, work.prefill), ("decode", later, work.decode)):
            yield Row(model=name, batch=batch, phase=phase, counted=counted, computed=computed.flops_executed)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
