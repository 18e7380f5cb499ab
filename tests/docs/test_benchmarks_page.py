"""benchmarks/README.md names every benchmark, and the Makefile's list of phony targets every target of one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^(bench[a-z-]*):", MAKEFILE, re.MULTILINE))


def test_every_benchmark_that_make_runs_has_a_row() -> None:
    single = set(re.findall(r"-m benchmarks\.([a-z_]+)", MAKEFILE))
    (together,) = re.findall(r"for each in ([a-z_ ]+);", MAKEFILE)
    rows = set(re.findall(r"^\| `([a-z_]+)(?:\.py|/)`", PAGE, re.MULTILINE))
    assert single | set(together.split()) == rows


def test_every_target_of_a_benchmark_is_on_the_page_and_phony() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert len(TARGETS) > 10
    assert TARGETS - set(phony.split()) == set()
    assert {target for target in TARGETS if f"`make {target}" not in PAGE} == set()
