"""Whole runs on eight simulated cards with slow calls: invalid results, the period that is held, and the energy."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmarks.report import end_interrupted, write
from benchmarks.report import machine as this_machine

from llenergymeasure import api
from llenergymeasure.meters.nvml.meter import NvmlMeter
from llenergymeasure.metrics.signals.gaps import gaps_in
from llenergymeasure.results.parquet.trace_phases import read_trace
from tests.simulators.nvml.build import build_library
from tests.simulators.nvml.machine import NvmlMachine, SimulatedGpu
from tests.simulators.nvml.profiles import a100, h100
from tests.simulators.powercap import PowercapTree, RunningPowercap, Zone, run_powercap
from tests.simulators.signals import Constant, Square
from tests.support.plugin_fixtures import ENTRY_POINTS

CARDS = 8
RUNS, PROGRESS_RUNS = 50, 5
OF_THIS_MACHINE = ("foreign_cpu_load", "processor_contended", "windows_differ", "meter_redirected")
"""What a machine that does other things, or a simulated library, adds to every result."""
CONFIG = {
    "model": "any",
    "backend": "standin",
    "device": "cpu",
    "workload": {"dataset": "synthetic", "n_prompts": 8, "input_tokens": 5},
    "measurement": {
        "baseline": {"idle_s": 1.0, "loaded_s": 0},
        "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": None},
        "window": {"min_duration_s": 1.0},
        "repeats": {"min": 3, "max": 3},
    },
    "energy": {"meters": ["nvml", "rapl"]},
    "standin": {"token_s": 0.005},
}
"""Three windows of a second. The stand-in computes on the processor, whose counter is simulated too."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How long a call takes, how many busy processes compete with the sampler, and how many runs are made."""

    call_ms: float
    busy: int
    runs: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run: the codes of its warnings, the period held by each card, and the relative errors of the energies."""

    invalid: tuple[str, ...]
    warnings: tuple[str, ...]
    held_ms: tuple[float, ...]
    card_errors: tuple[float, ...]
    total_held: bool


def main() -> None:
    """Print a table and write `out/slow_calls.json`; after Ctrl-C print what was found until then."""
    conditions = _conditions()
    found: dict[Condition, list[Outcome]] = {}
    here = this_machine()
    print(f"\nslow_calls ({CARDS} cards, {here['cores']} cores, Python {here['python']})", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="llem-bench-", ignore_cleanup_errors=True) as folder,
            closing(_outcomes(conditions, Path(folder))) as runs,
        ):
            for condition, outcome in runs:
                outcomes = found.setdefault(condition, [])
                outcomes.append(outcome)
                if len(outcomes) == condition.runs:
                    _print(condition, outcomes)
                elif len(outcomes) % PROGRESS_RUNS == 0:
                    print(f"  {len(outcomes)} of {condition.runs} runs", flush=True)
    except KeyboardInterrupt:
        for condition, outcomes in found.items():
            if len(outcomes) < condition.runs:
                _print(condition, outcomes)
        end_interrupted("slow_calls", sum(map(len, found.values())), _content(found))
    write("slow_calls", _content(found))


def _content(found: Mapping[Condition, Sequence[Outcome]]) -> dict[str, object]:
    rows = [
        {**asdict(each), "outcomes": [asdict(one) for one in outcomes]} for each, outcomes in found.items()
    ]
    return {"rows": rows}


def _conditions() -> tuple[Condition, ...]:
    """Return the conditions, of which the one with the bar has the number of runs that was asked for."""
    asked = sys.argv[1] if len(sys.argv) > 1 else str(RUNS)
    if not asked.isdecimal() or not int(asked):
        sys.exit(f"usage: python -m benchmarks.slow_calls [RUNS]; RUNS is a number above 0, not {asked!r}")
    runs = int(asked)
    few = max(runs // 5, 1)
    return (
        Condition(call_ms=0.0, busy=0, runs=few),
        Condition(call_ms=2.0, busy=0, runs=runs),
        Condition(call_ms=2.0, busy=2 * (os.cpu_count() or 1), runs=few),
        Condition(call_ms=20.0, busy=0, runs=few),
    )


def _outcomes(
    conditions: Sequence[Condition], folder: Path
) -> Generator[tuple[Condition, Outcome], None, None]:
    """Make the runs of each condition, one after another."""
    zone = Zone(name="package-0", power=Constant(80.0))
    with run_powercap(PowercapTree(zones=(zone,)), folder / "powercap") as tree:
        _add_standin(folder / "site")
        for condition in conditions:
            print(f"\n{_name(condition)}: {condition.runs} runs", flush=True)
            with _busy(condition.busy):
                for seed in range(condition.runs):
                    yield condition, _run(condition, seed, folder, tree)


def _name(condition: Condition) -> str:
    busy = f", {condition.busy} busy processes" if condition.busy else ""
    return f"calls of {condition.call_ms:g} ms{busy}"


def _print(condition: Condition, found: Sequence[Outcome]) -> None:
    held_ms = [each for outcome in found for each in outcome.held_ms]
    errors = [each for outcome in found for each in outcome.card_errors]
    invalid = Counter(code for outcome in found for code in outcome.invalid)
    others = Counter(code for outcome in found for code in outcome.warnings)
    if len(found) < condition.runs:
        print(f"\n{_name(condition)}: {len(found)} of {condition.runs} runs")
    print(f"  invalid, other than by the load of this machine: {sum(bool(each.invalid) for each in found)}")
    print(
        f"  period held (meant: {NvmlMeter.period_s * 1e3:g} ms): median {np.median(held_ms):.1f} ms, "
        f"longest {max(held_ms):.1f} ms"
    )
    print(
        f"  error of a card's energy over three windows: median {np.median(errors):.2%}, "
        f"95th percentile {np.quantile(errors, 0.95):.2%}"
    )
    print(f"  total within its interval: {sum(each.total_held for each in found)} of {len(found)}")
    print(f"  warnings: {dict(invalid + others)}", flush=True)


def _run(condition: Condition, seed: int, folder: Path, tree: RunningPowercap) -> Outcome:
    cards = NvmlMachine(gpus=tuple(_cards(seed)), read_latency_s=condition.call_ms / 1e3)
    name = f"{condition.call_ms:g}-{condition.busy}-{seed}"
    spec, config, output = folder / f"{name}.spec", folder / "run.yaml", folder / name
    cards.write(spec)
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]),
        "LD_LIBRARY_PATH": str(build_library()),
        "LLEM_SIMULATED_NVML": str(spec),
        "LLEM_POWERCAP_DIR": str(tree.path),
        "HOME": str(folder),
    }
    command = [sys.executable, "-m", "llenergymeasure", "run", str(config), "--output", str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"llem ended with {done.returncode}: {done.stderr[-2000:]}")
    return _outcome(next((output / "single").glob("[!.]*")), cards, tree)


def _outcome(path: Path, cards: NvmlMachine, tree: RunningPowercap) -> Outcome:
    result, trace = api.load_result(path), read_trace(path / "trace.parquet")
    windows = [(each.start_unix_ns, each.end_unix_ns) for each in result.repeats]
    true_j = [sum(cards.true_energy_j(card, start, end) for start, end in windows) for card in range(CARDS)]
    package_j = sum(tree.true_energy_j("package-0", start, end) for start, end in windows)
    told = {each.device: each.energy_j for each in result.energy.by_device}
    reported_j = [told[card.uuid] for card in cards.gpus]
    total = result.estimates["total_energy_j"]
    codes = [(each.severity, each.code) for each in result.warnings if each.code not in OF_THIS_MACHINE]
    phases = [each for each in api.open_bundle(path).phases if each.name == "window"]
    return Outcome(
        invalid=tuple(code for severity, code in codes if severity == "invalid"),
        warnings=tuple(code for severity, code in codes if severity != "invalid"),
        held_ms=tuple(
            float(np.mean(gaps_in(trace.of(index), phases))) * 1e3
            for index, channel in enumerate(trace.channels)
            if channel.meter == "nvml"
        ),
        card_errors=tuple(
            abs(found - truth) / truth
            for found, truth in zip(reported_j, true_j, strict=True)
            if found is not None
        ),
        total_held=abs(total.value - sum(true_j) - package_j) <= (total.half_width or 0.0),
    )


def _cards(seed: int) -> Iterator[SimulatedGpu]:
    """Yield cards of both kinds of counter, steady and with waves of their own."""
    rng = random.Random(seed)
    for number in range(CARDS):
        period_s = rng.uniform(0.1, 2.0)
        wave = Square(
            low=rng.uniform(60, 150), high=rng.uniform(250, 400), period_s=period_s, phase_s=rng.uniform(0, 1)
        )
        power = wave if number % 4 < 2 else Constant(rng.uniform(60, 400))
        kind = a100 if number % 2 else h100
        yield kind(uuid=f"GPU-{number:08d}", pci_bus=number + 1, power=power, noise_w=1.0, noise_seed=seed)


def _add_standin(site: Path) -> None:
    """Declare the stand-in backend for child processes that have `site` on their path."""
    info = site / "llem_standin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llem-standin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


@contextmanager
def _busy(processes: int) -> Iterator[None]:
    """Keep so many processes computing."""
    command = [sys.executable, "-c", "while True: pass"]
    # quiet: Ctrl-C reaches them too
    running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(processes)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


if __name__ == "__main__":
    main()
