"""The other tools of the accuracy benchmark, each in a process of its own, driven as its documentation shows.

Arguments: a tool's name and a job (JSON): the cards, and windows `[length, lane, start, end]`, those of one length and
lane one after another, in seconds after the moment on the monotonic clock (ns) that follows on standard input once the
tool has said that it is ready. Prints one JSON document: `windows` as `[card, length, start, end, energy]` (ns on the
monotonic clock, joules), `polls` as `[ns, watts...]`, and `refusals`, by card.
"""

from __future__ import annotations

import heapq
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

POLL_S = 0.1
J_PER_KWH = 3.6e6

Action = Callable[[], Any]


def main() -> None:
    tool, job = sys.argv[1], json.loads(sys.argv[2])
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    print(json.dumps(TOOLS[tool](job)), flush=True)


def measure_with_zeus(job: dict[str, Any]) -> dict[str, Any]:
    """One `ZeusMonitor` over all cards it accepts; its windows overlap."""
    from zeus.monitor import ZeusMonitor

    refusals = _refusals_of_zeus(job["cards"])
    accepted = [card for card in job["cards"] if str(card) not in refusals]
    monitor = ZeusMonitor(gpu_indices=accepted, cpu_indices=[])
    begun: dict[str, int] = {}
    rows: list[list[float]] = []

    def begin(name: str) -> None:
        _, begun[name] = _timed(lambda: monitor.begin_window(name, sync_execution=False))

    def end(name: str, length_s: float) -> None:
        found = monitor.end_window(name, sync_execution=False)
        end_ns = begun[name] + round(found.time * 1e9)
        rows.extend(
            [card, length_s, begun[name], end_ns, energy_j] for card, energy_j in found.gpu_energy.items()
        )

    agenda: list[tuple[float, Action]] = []
    for number, (length_s, _, start_s, end_s) in enumerate(job["windows"]):
        name = f"window {number}"
        agenda.append((start_s, lambda name=name: begin(name)))
        agenda.append((end_s, lambda name=name, length_s=length_s: end(name, length_s)))
    _run_at(_await_start(), agenda)
    if monitor.power_monitor is not None:
        monitor.power_monitor.stop()
    return {"windows": rows, "refusals": refusals}


def measure_with_codecarbon(job: dict[str, Any]) -> dict[str, Any]:
    """A tracker for each card, length and lane, since it gives the sum of its cards and one task at a time."""
    from codecarbon import OfflineEmissionsTracker

    options = {
        "country_iso_code": "USA",
        "output_methods": [],
        "emissions_endpoint": None,
        "log_level": "critical",
    }
    options |= {"allow_multiple_runs": True, "api_call_interval": -1, "measure_power_secs": 1}
    rows: list[list[float]] = []
    agenda: list[tuple[float, Action]] = []
    for card in job["cards"]:
        for (length_s, _), windows in _by_lane(job["windows"]).items():
            tracker = OfflineEmissionsTracker(gpu_ids=[card], **options)
            tracker.start_task("first")  # looks for the hardware
            tracker.stop_task("first")
            for number, (start_s, end_s) in enumerate(windows):
                begin, end = _codecarbon_task(tracker, f"task {number}", card, length_s, rows)
                agenda += [(start_s, begin), (end_s, end)]
    _run_at(_await_start(), agenda)
    return {"windows": rows}


def poll_power(job: dict[str, Any]) -> dict[str, Any]:
    """Read nvmlDeviceGetPowerUsage of every card, sleep 100 ms, and again."""
    import pynvml

    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(card) for card in job["cards"]]
    last_s = max(end_s for *_, end_s in job["windows"])
    start_ns, polls = _await_start(), []
    while time.monotonic_ns() < start_ns + (last_s + POLL_S) * 1e9:
        watts, at_ns = _timed(lambda: [pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3 for handle in handles])
        polls.append([at_ns, *watts])
        time.sleep(POLL_S)
    return {"polls": polls}


TOOLS = {"zeus": measure_with_zeus, "codecarbon": measure_with_codecarbon, "polling": poll_power}


def _refusals_of_zeus(cards: Sequence[int]) -> dict[str, str]:
    """Try what a monitor will do: from Volta on it takes the energy counter for granted, and raises without one.

    Older cards it polls, where all cards of the machine are alike.
    """
    from zeus.device import get_gpus

    gpus, refusals = get_gpus(), {}
    mixed = len({gpus.get_name(card) for card in cards}) > 1
    for card in cards:
        try:
            if gpus.supports_get_total_energy_consumption(card):
                gpus.get_total_energy_consumption(card)
            elif mixed:
                refusals[str(card)] = "polls power only where all cards are alike"
        except Exception as error:  # noqa: BLE001, PERF203 - whatever another tool refuses with is its answer
            refusals[str(card)] = f"{type(error).__name__}: {error}"
    return refusals


def _codecarbon_task(
    tracker: Any, name: str, card: int, length_s: float, rows: list[list[float]]
) -> tuple[Action, Action]:
    began: list[int] = []

    def begin() -> None:
        began.append(_timed(lambda: tracker.start_task(name))[1])

    def end() -> None:
        found, end_ns = _timed(lambda: tracker.stop_task(name))
        rows.append([card, length_s, began[0], end_ns, found.gpu_energy * J_PER_KWH])

    return begin, end


def _by_lane(windows: Iterable[Sequence[float]]) -> dict[tuple[float, float], list[tuple[float, float]]]:
    grouped: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for length_s, lane, start_s, end_s in windows:
        grouped.setdefault((length_s, lane), []).append((start_s, end_s))
    return grouped


def _await_start() -> int:
    print("ready", flush=True)
    return int(sys.stdin.readline())


def _run_at(start_ns: int, agenda: list[tuple[float, Action]]) -> None:
    """Run each action at its time, or as soon as those before it are done."""
    queue = [(at_s, number, action) for number, (at_s, action) in enumerate(agenda)]
    heapq.heapify(queue)
    while queue:
        at_s, _, action = heapq.heappop(queue)
        time.sleep(max(0.0, at_s - (time.monotonic_ns() - start_ns) / 1e9))
        action()


def _timed(call: Action) -> tuple[Any, int]:
    """Return what a call gives and the middle of the time it took, to be fair to calls that take long."""
    before_ns = time.monotonic_ns()
    result = call()
    return result, (before_ns + time.monotonic_ns()) // 2


if __name__ == "__main__":
    main()
