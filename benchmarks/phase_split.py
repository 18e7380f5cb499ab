"""How far the split into prefill and decode is from the truth, and how often its interval contains it."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np
from benchmarks.report import end_interrupted, machine, write

from llenergymeasure.domain.step_table import StepTable
from tests.support.simulated_phases import Load, PhasedRun, phased_run
from tests.support.simulated_power import COUNTERS, POWER_ONLY, REAL, Sensor

BAR_SEEDS, OTHER_SEEDS, REASON_SEEDS = 200, 60, 10
JITTERED: Mapping[str, Sensor] = {
    "a100 whose ticks stray by 2 ms": REAL["a100"],
    "h100 whose ticks stray by 0.4 ms": REAL["h100 instant"],
}
BY_POWER = ("v100", "a100", "h100 average")
"""An H100's `instant` reading is as an A100's: 25 of 100 ms."""
SENSORS: Mapping[str, Sensor] = {
    **COUNTERS,
    **{f"{name}, power alone": POWER_ONLY[name] for name in BY_POWER},
    **JITTERED,
}
DEVIATES = {name: {"linearity": sensor.wander} for name, sensor in JITTERED.items()}
"""What the meter would state of them."""
MIXED = "steps of both phases"
HEADS = f"{'bias':>7} {'mean':>6} {'p95':>6} {'max':>6} {'bar':>4} {'±':>6} {'held':>7} {'decode':>7}"
LEGEND = """\
energy of the prefills less the true one, in % of it, without the gain of the meter:
  bias            mean error with its sign
  mean, p95, max  mean, 95th percentile and largest of its magnitude
  bar             the most that max may be
  ±               half-width of the 95 % interval, the median
  held, decode    share of the runs in which the interval contains the true energy of the prefills, of the decode
a reason in place of numbers: no run was split; (n unknown: ...): n of the runs were not
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A sensor and a load; `bar` is the largest error of the prefill that it is held to, in percent."""

    sensor: str
    load: Load
    name: str
    bar: float | None = None
    seeds: int = OTHER_SEEDS
    cards: int = 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Error and half-width of the prefill's energy and of the decode's, in percent of the truth; or the reason."""

    error_pct: tuple[float, float] = (0.0, 0.0)
    half_width_pct: tuple[float, float] = (0.0, 0.0)
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    sensor: str
    load: str
    runs: int
    unknown: int
    reason: str | None
    mean_error_pct: float | None = None
    p95_error_pct: float | None = None
    largest_error_pct: float | None = None
    bias_pct: float | None = None
    half_width_pct: float | None = None
    held: float | None = None
    held_decode: float | None = None
    bar_pct: float | None = None


def main() -> None:
    """Print the table as its rows come, and write `out/phase_split.json`; after Ctrl-C what was found until then."""
    here, rows = machine(), list[Row]()
    print(f"\nphase_split ({here['cores']} cores, Python {here['python']})\n{LEGEND}")
    print(f"{'sensor':34} {'load':34} {'runs':>4} {HEADS}", flush=True)
    outcomes: list[Outcome] = []
    try:
        with Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
            for case in _cases():
                outcomes.clear()
                outcomes.extend(pool.imap(partial(_outcome, case), range(case.seeds)))
                rows.append(_row(case, outcomes))
                print(_line(rows[-1]), flush=True)
    except KeyboardInterrupt:
        if outcomes and len(outcomes) < case.seeds:
            rows.append(_row(case, outcomes))
            print(_line(rows[-1]), flush=True)
        runs = sum(row.runs for row in rows)
        end_interrupted("phase_split", runs, {"rows": [asdict(row) for row in rows]})
    write("phase_split", {"rows": [asdict(row) for row in rows]})


def _cases() -> Iterator[Case]:
    for prefill_ms, bar in ((5, 3.0), (20, 1.0), (50, 1.0), (200, 1.0)):
        load = Load(prefill_s=prefill_ms / 1e3)
        yield Case(sensor="a100", load=load, name=f"{prefill_ms} ms", bar=bar, seeds=BAR_SEEDS)
    for sensor in ("v100", "rapl", *JITTERED):
        for prefill_ms in (5, 20):
            yield Case(sensor=sensor, load=Load(prefill_s=prefill_ms / 1e3), name=f"{prefill_ms} ms")
    for name in BY_POWER:
        seeds = REASON_SEEDS if name == "h100 average" else OTHER_SEEDS
        for prefill_ms in (5, 20, 100):
            load = Load(prefill_s=prefill_ms / 1e3)
            yield Case(sensor=f"{name}, power alone", load=load, name=f"{prefill_ms} ms", seeds=seeds)
    yield Case(sensor="a100", load=Load(prefill_s=0.02), name="20 ms, eight cards", cards=8, seeds=20)
    for name, load in _other_loads().items():
        yield Case(sensor="a100", load=load, name=name)
    for name, load in _not_identifiable().items():
        yield Case(sensor="a100", load=load, name=name, seeds=REASON_SEEDS)


def _other_loads() -> Mapping[str, Load]:
    return {
        "20 ms, decode grows by 10 %": Load(grows=0.1),
        "5 ms, decode grows by 10 %": Load(prefill_s=0.005, grows=0.1),
        "20 ms, it grows as a square root": Load(grows=0.1, bends=1.0),
        "5 ms, it grows as a square root": Load(prefill_s=0.005, grows=0.1, bends=1.0),
        "20 ms, prefills scatter by 10 %": Load(prefill_scatters=0.1),
        "20 ms, decode scatters by 5 %": Load(decode_scatters=0.05),
        "20 ms, rests of 200 ms": Load(rest_s=0.2),
        "20 ms, rests of 30 ms": Load(rest_s=0.03),
        "20 ms, durations ±50 %": Load(varies=0.5),
        "20 ms, batches of 0.1 s": Load(decode_s=0.08),
        "20 ms, batches of 3 s": Load(decode_s=3.0),
        "20 ms, 30 batches": Load(batches=30),
    }


def _not_identifiable() -> Mapping[str, Load]:
    return {
        "one prefill": Load(batches=1, decode_s=20.0),
        "locked to the tick": Load(decode_s=0.48, varies=0.0),
        "locked to within 0.1 %": Load(decode_s=0.48, varies=0.0001),
        "several in each tick": Load(prefill_s=0.01, decode_s=0.015, step_s=0.015, varies=0.0),
        MIXED: Load(),
    }


def _outcome(case: Case, seed: int) -> Outcome:
    run = phased_run(SENSORS[case.sensor], case.load, seed, cards=case.cards, **DEVIATES.get(case.sensor, {}))
    found = run.split(_mixed(run) if case.name == MIXED else None)
    split, half_width_j = found.split, found.half_width_j
    if half_width_j is None or split.prefill_energy_j is None or split.decode_energy_j is None:
        return Outcome(reason=split.reason)
    stated = np.array([split.prefill_energy_j, split.decode_energy_j])
    error, half = 100 * (stated / run.true_j[:2] - 1), 100 * half_width_j[:2] / run.true_j[:2]
    return Outcome(
        error_pct=(float(error[0]), float(error[1])), half_width_pct=(float(half[0]), float(half[1]))
    )


def _mixed(run: PhasedRun) -> StepTable:
    """Return the steps as if each generated tokens too."""
    return StepTable(**{**vars(run.steps), "decode_tokens": np.ones(len(run.steps), dtype=np.int32)})


def _row(case: Case, outcomes: list[Outcome]) -> Row:
    found = [each for each in outcomes if each.reason is None]
    reasons = [each.reason for each in outcomes if each.reason is not None]
    row = {"sensor": case.sensor, "load": case.name, "runs": len(outcomes), "unknown": len(reasons)}
    if not found:
        return Row(**row, reason=statistics.mode(reasons))
    errors = np.array([each.error_pct for each in found])
    held = np.abs(errors) <= np.array([each.half_width_pct for each in found])
    return Row(
        **row,
        reason=statistics.mode(reasons) if reasons else None,
        bias_pct=float(errors[:, 0].mean()),
        mean_error_pct=float(np.abs(errors[:, 0]).mean()),
        p95_error_pct=float(np.quantile(np.abs(errors[:, 0]), 0.95)),
        largest_error_pct=float(np.abs(errors[:, 0]).max()),
        half_width_pct=statistics.median(each.half_width_pct[0] for each in found),
        held=float(held[:, 0].mean()),
        held_decode=float(held[:, 1].mean()),
        bar_pct=case.bar,
    )


def _line(row: Row) -> str:
    start = f"{row.sensor:34} {row.load:34} {row.runs:4}"
    if row.held is None or row.held_decode is None:
        return f"{start} {row.reason}"
    errors = (row.bias_pct, row.mean_error_pct, row.p95_error_pct, row.largest_error_pct)
    bias, mean, p95, largest = (f"{each:.2f}" for each in errors)
    bar = "" if row.bar_pct is None else f"{row.bar_pct:g}"
    held = f"{100 * row.held:5.1f} % {100 * row.held_decode:5.1f} %"
    unknown = f"  ({row.unknown} unknown: {row.reason})" if row.unknown else ""
    return f"{start} {bias:>7} {mean:>6} {p95:>6} {largest:>6} {bar:>4} {row.half_width_pct:6.2f} {held}{unknown}"


if __name__ == "__main__":
    main()
