"""How far energy from ours, Zeus, CodeCarbon and naive polling is from the truth, on the same simulated cards."""

from __future__ import annotations

import importlib.util
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.accuracy.cells import CARDS_PER_CELL, CELLS, COURSES, P100, Cell, draw_machine
from benchmarks.accuracy.score import PEERS, Score, publish_score
from benchmarks.accuracy.session import Lanes, Session, measure, plan_windows

from tests.simulators.nvml.build import CannotBuildError, build_library

SEED = 20261123
SESSIONS = 8
LANES: Lanes = {1.0: (1, 13), 3.0: (1, 5), 10.0: (2, 1)}
POLLED_CELLS = tuple(Cell(profile=P100, course=course) for course in COURSES)
POLLED_SESSIONS, POLLED_CARDS_PER_CELL = 3, 3
POLLED_LANES: Lanes = {1.0: (3, 8), 3.0: (4, 3), 10.0: (4, 1)}
"""Where there is no counter Zeus polls power as fast as it can: nothing else is run beside it, and not too many cards,
whose readings would pile up between its processes."""


def main() -> None:
    """Run the sessions one after another; every window of all of them counts."""
    library, rng, score = _library(), random.Random(SEED), Score()
    peers = [name for name in PEERS if importlib.util.find_spec(name)]
    with tempfile.TemporaryDirectory(prefix="llem-bench-") as folder:

        def session(cells: tuple[Cell, ...], lanes: Lanes) -> Session:
            windows = plan_windows(rng, lanes)
            return Session(
                cells=cells,
                machine=draw_machine(rng, cells),
                windows=windows,
                library=library,
                folder=Path(folder),
            )

        for number in range(SESSIONS):
            print(f"session {number + 1} of {SESSIONS}", file=sys.stderr)
            one = session(CELLS * CARDS_PER_CELL, LANES)
            score.add(measure(one, peers), one.machine, one.cells)
        for number in range(POLLED_SESSIONS if "zeus" in peers else 0):
            print(f"Zeus polling power, {number + 1} of {POLLED_SESSIONS}", file=sys.stderr)
            one = session(POLLED_CELLS * POLLED_CARDS_PER_CELL, POLLED_LANES)
            score.add(measure(one, ["zeus"], alone=True), one.machine, one.cells)
    publish_score(score)


def _library() -> Path:
    try:
        return build_library()
    except CannotBuildError as error:
        raise SystemExit(f"there is nothing to measure: {error}") from None


if __name__ == "__main__":
    main()
