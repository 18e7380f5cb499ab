"""One session of the accuracy benchmark: all tools at once on one simulated machine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from benchmarks.accuracy.cells import Cell

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.nvml.meter import NvmlMeter
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.metrics.energy.build import build_curves
from tests.simulators.nvml.machine import NvmlMachine

STRAY_S = 0.05
"""By up to so much a window's length differs from its name: exact multiples of a tick flatter everybody."""
PAUSE_S = (0.05, 0.35)
LEAD_S, TAIL_S = 1.0, 0.5
OURS, POLLING = "ours", "polling"

Lanes = Mapping[float, tuple[int, int]]
"""By length of a window, how many lanes of how many windows; those of a lane follow one another, lanes overlap."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A window that is to be measured, in seconds after the session's start."""

    length_s: float
    lane: int
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a tool said of one card over one window; times are those at which it asked the sensor, as Unix time."""

    tool: str
    card: int
    length_s: float
    start_ns: int
    end_ns: int
    energy_j: float


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A card that a tool does not measure."""

    tool: str
    card: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """One machine, and the windows that all tools measure on it."""

    cells: tuple[Cell, ...]
    machine: NvmlMachine
    windows: tuple[Planned, ...]
    library: Path
    folder: Path

    @property
    def cards(self) -> range:
        return range(len(self.cells))


def plan_windows(rng: random.Random, lanes: Lanes) -> tuple[Planned, ...]:
    """Return windows at random, all within the span that the longest lane takes."""
    spans_s = {length_s: count * (length_s + PAUSE_S[1]) for length_s, (_, count) in lanes.items()}
    windows = []
    for length_s, (lane_count, count) in lanes.items():
        for lane in range(lane_count):
            at_s = LEAD_S + rng.uniform(0, max(spans_s.values()) - spans_s[length_s])
            for _ in range(count):
                start_s = at_s + rng.uniform(*PAUSE_S)
                at_s = start_s + length_s + rng.uniform(-STRAY_S, STRAY_S)
                windows.append(Planned(length_s=length_s, lane=lane, start_s=start_s, end_s=at_s))
    return tuple(windows)


def measure(session: Session, peers: Sequence[str], *, alone: bool = False) -> Iterator[Found | Refused]:
    """Let `peers`, ours and naive polling measure all windows at the same time; `alone`: only the peers."""
    clock = AnchoredClock(session.machine.unix_offset_ns)
    sampler = Sampler([NvmlMeter], MeterOptions(), clock, session.folder / "samples.bin")
    tools = [*peers] if alone else [*peers, POLLING]
    with _simulated(session):
        children = {tool: _start(tool, session) for tool in tools}
        for child in children.values():
            _await_ready(child)
        if not alone:
            sampler.start()
        start_ns = time.monotonic_ns()
        answers = _answers(children, start_ns)
        time.sleep(TAIL_S)
        trace = sampler.stop()
    (session.folder / "samples.bin").unlink(missing_ok=True)
    for tool in peers:
        yield from _of_peer(tool, answers[tool], clock.offset_ns)
    if not alone:
        yield from _of_trace(session, trace, start_ns + clock.offset_ns)
        yield from _of_polls(session, answers[POLLING]["polls"], start_ns, clock.offset_ns)


@contextmanager
def _simulated(session: Session) -> Iterator[None]:
    """Put the simulated machine under this process' children; CodeCarbon looks for cards only beside an nvidia-smi."""
    spec, commands = session.folder / "machine.spec", session.folder / "bin"
    session.machine.write(spec)
    commands.mkdir(exist_ok=True)
    (commands / "nvidia-smi").write_text("#!/bin/sh\nexit 0\n")
    (commands / "nvidia-smi").chmod(0o755)
    libraries = [str(session.library), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    changes = {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "LLEM_SIMULATED_NVML": str(spec),
        "PATH": os.pathsep.join([str(commands), os.environ.get("PATH", "")]),
        "HOME": str(session.folder),
    }
    with patch.dict(os.environ, changes):
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        yield


Child = subprocess.Popen[str]


def _start(tool: str, session: Session) -> Child:
    windows = [[each.length_s, each.lane, each.start_s, each.end_s] for each in session.windows]
    job = json.dumps({"cards": list(session.cards), "windows": windows})
    script = Path(__file__).parent / "tools.py"
    with (session.folder / f"{tool}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, str(script), tool, job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _await_ready(child: Child) -> None:
    """Read past what libraries print on their way."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "ready":
            return
    raise SystemExit(f"{' '.join(map(str, child.args))[:200]} ended with {child.wait()}")  # type: ignore[arg-type]


def _answers(children: Mapping[str, Child], start_ns: int) -> dict[str, Any]:
    for child in children.values():
        assert child.stdin is not None
        child.stdin.write(f"{start_ns}\n")
        child.stdin.flush()
    return {tool: json.loads(child.communicate()[0].splitlines()[-1]) for tool, child in children.items()}


def _of_peer(tool: str, answer: dict[str, Any], offset_ns: int) -> Iterable[Found | Refused]:
    for card, reason in answer.get("refusals", {}).items():
        yield Refused(tool=tool, card=int(card), reason=reason)
    for card, length_s, start_ns, end_ns, energy_j in answer["windows"]:
        yield Found(
            tool=tool,
            card=card,
            length_s=length_s,
            start_ns=start_ns + offset_ns,
            end_ns=end_ns + offset_ns,
            energy_j=energy_j,
        )


def _of_trace(session: Session, trace: EnergyTrace, start_unix_ns: int) -> Iterable[Found | Refused]:
    curves = build_curves(trace)
    for window in session.windows:
        first_ns, last_ns = (start_unix_ns + round(at_s * 1e9) for at_s in (window.start_s, window.end_s))
        for card in session.cards:
            part = curves[card].energies(np.array([first_ns]), np.array([last_ns])).at(0)
            if part.energy_j is None:
                yield Refused(tool=OURS, card=card, reason=part.reason or "")
            else:
                yield Found(
                    tool=OURS,
                    card=card,
                    length_s=window.length_s,
                    start_ns=first_ns,
                    end_ns=last_ns,
                    energy_j=part.energy_j,
                )


def _of_polls(
    session: Session, polls: Sequence[Sequence[float]], start_ns: int, offset_ns: int
) -> Iterable[Found]:
    """Take the mean of the readings within a window times its length, as people do."""
    for window in session.windows:
        first_ns, last_ns = (start_ns + round(at_s * 1e9) for at_s in (window.start_s, window.end_s))
        within = [watts for at_ns, *watts in polls if first_ns <= at_ns < last_ns]
        for card in session.cards:
            mean_w = sum(watts[card] for watts in within) / len(within)
            yield Found(
                tool=POLLING,
                card=card,
                length_s=window.length_s,
                start_ns=first_ns + offset_ns,
                end_ns=last_ns + offset_ns,
                energy_j=mean_w * (last_ns - first_ns) / 1e9,
            )
