"""How often a load in step with a sensor is warned of, where the energy is off, and how often an ordinary one is."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import Pool

from benchmarks.report import end_interrupted, machine, write

from tests.support.beating_loads import PERIOD_S, WARMUP_S, beating_run, warnings_of
from tests.support.simulated_power import POWER_ONLY, REAL_POWER_ONLY, Sensor, random_run

BEATS, ORDINARY = 120, 252
WINDOWS = ((1.0, 3), (3.0, 3), (3.0, 5), (10.0, 3))
LENGTHS_S = (1.0, 3.0, 10.0)
WRONG = 0.05


@dataclass(frozen=True, kw_only=True)
class Row:
    """Runs of one kind: of `runs`, those off by over 5 %, those of them outside their interval, and those warned of."""

    sensor: str
    windows: str
    runs: int
    warned: int
    wrong: int = 0
    wrong_warned: int = 0
    outside: int = 0
    outside_warned: int = 0


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of one sensor with windows of one length: of a load in step with it, or (no number) of ordinary power."""

    sensor: str
    window_s: float
    n_windows: int | None = None


def main() -> None:
    """Print both tables and write `out/beating_loads.json`; after Ctrl-C print the groups that were finished."""
    groups = [
        *(
            Group(sensor=sensor, window_s=each[0], n_windows=each[1])
            for sensor in PERIOD_S
            for each in WINDOWS
        ),
        *(
            Group(sensor=sensor, window_s=length_s)
            for sensor in _ordinary_sensors()
            for length_s in LENGTHS_S
        ),
    ]
    here = machine()
    print(f"\nbeating_loads ({here['cores']} cores, Python {here['python']})", flush=True)
    rows: dict[Group, Row] = {}
    try:
        with Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
            for group, row in pool.imap_unordered(_count, groups):
                rows[group] = row
                kind = "in step" if group.n_windows else "ordinary"
                print(
                    f"{len(rows)} of {len(groups)}: {kind}, {row.sensor}, {row.windows}: {row.runs} runs",
                    flush=True,
                )
    except KeyboardInterrupt:
        end_interrupted("beating_loads", sum(row.runs for row in rows.values()), _print(groups, rows))
    write("beating_loads", _print(groups, rows))


def _print(groups: Sequence[Group], rows: Mapping[Group, Row]) -> dict[str, object]:
    """Print and return the rows that there are, of beats and of ordinary power, in the order of the groups."""
    found = [rows[each] for each in groups if each in rows and each.n_windows]
    false = [rows[each] for each in groups if each in rows and not each.n_windows]
    print(
        f"\n{'load in step with the sensor':28} {'windows':>10} {'off by > 5 %':>14}  warned  outside too  warned"
    )
    for row in found:
        print(
            f"{row.sensor:28} {row.windows:>10} {row.wrong:7} of {row.runs:3} {_share(row.wrong_warned, row.wrong):>7} "
            f"{row.outside:12} {_share(row.outside_warned, row.outside):>7}"
        )
    print(f"\n{'ordinary power':28} {'window':>10} {'runs':>6} {'warned':>7}")
    for row in false:
        print(f"{row.sensor:28} {row.windows:>10} {row.runs:6} {row.warned:7}")
    return {"beats": [asdict(each) for each in found], "ordinary": [asdict(each) for each in false]}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _count(group: Group) -> tuple[Group, Row]:
    if group.n_windows is None:
        return group, _ordinary(group.sensor, group.window_s)
    return group, _beats(group.sensor, group.window_s, group.n_windows)


def _beats(sensor: str, window_s: float, n_windows: int) -> Row:
    runs = []
    for seed in range(BEATS):
        run = beating_run(sensor, seed, window_s, n_windows)
        budget = run.budget()
        error_j = abs(budget.value - run.true_j)
        is_wrong = bool(error_j > WRONG * run.true_j)
        runs.append(
            (
                is_wrong,
                is_wrong and bool(error_j > (budget.half_width or 0.0)),
                bool(warnings_of(run, WARMUP_S)),
            )
        )
    return Row(
        sensor=sensor,
        windows=f"{n_windows} x {window_s:.0f} s",
        runs=len(runs),
        warned=sum(warned for _, _, warned in runs),
        wrong=sum(wrong for wrong, _, _ in runs),
        wrong_warned=sum(wrong and warned for wrong, _, warned in runs),
        outside=sum(outside for _, outside, _ in runs),
        outside_warned=sum(outside and warned for _, outside, warned in runs),
    )


def _ordinary_sensors() -> dict[str, Sensor]:
    return {**POWER_ONLY, **{f"real {name}": each for name, each in REAL_POWER_ONLY.items()}}


def _ordinary(sensor: str, length_s: float) -> Row:
    kind = _ordinary_sensors()[sensor]
    warned = [bool(warnings_of(random_run(kind, seed, length_s))) for seed in range(ORDINARY)]
    return Row(sensor=sensor, windows=f"{length_s:.0f} s", runs=len(warned), warned=sum(warned))


if __name__ == "__main__":
    main()
