"""How often a load in step with a sensor is warned of, where the energy is off, and how often an ordinary one is."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

from benchmarks.report import machine, write

from tests.support.beating_loads import PERIOD_S, WARMUP_S, beating_run, warnings_of
from tests.support.simulated_power import POWER_ONLY, REAL_POWER_ONLY, random_run

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


def main() -> None:
    """Print both tables and write `out/beating_loads.json`."""
    ordinary = {**POWER_ONLY, **{f"real {name}": each for name, each in REAL_POWER_ONLY.items()}}
    with ProcessPoolExecutor() as pool:
        beats = [pool.submit(_beats, sensor, *each) for sensor in PERIOD_S for each in WINDOWS]
        others = [pool.submit(_ordinary, sensor, length_s) for sensor in ordinary for length_s in LENGTHS_S]
        found, false = [each.result() for each in beats], [each.result() for each in others]
    here = machine()
    print(f"\nbeating_loads ({here['cores']} cores, Python {here['python']})")
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
    write(
        "beating_loads",
        {"beats": [asdict(each) for each in found], "ordinary": [asdict(each) for each in false]},
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


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


def _ordinary(sensor: str, length_s: float) -> Row:
    ordinary = {**POWER_ONLY, **{f"real {name}": each for name, each in REAL_POWER_ONLY.items()}}
    warned = [bool(warnings_of(random_run(ordinary[sensor], seed, length_s))) for seed in range(ORDINARY)]
    return Row(sensor=sensor, windows=f"{length_s:.0f} s", runs=len(warned), warned=sum(warned))


if __name__ == "__main__":
    main()
