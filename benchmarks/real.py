"""Our energies against logs with a known truth: an external power meter beside nvidia-smi, or windows of true energy.

`python -m benchmarks.real DIR`. The format of DIR is in benchmarks/README.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from benchmarks.readings import one_channel, unix_ns
from benchmarks.report import machine, write
from numpy.typing import NDArray

from llenergymeasure.meters.nvml.power import averaging_times_s, mean_s
from llenergymeasure.metrics.energy.account import EnergyAccount

Floats = NDArray[np.float64]

LENGTHS_S = (1.0, 3.0, 8.0)
WINDOWS = 300
"""Random windows of each length."""
MARGIN_S = 1.5
"""From the ends of a log: a window needs readings around it."""
SHIFTS_S = np.arange(-0.03, 0.0601, 0.001)
"""Trial delays of the sensor's clock against the meter's."""
AVERAGES_TRIED_S = (0.01, 0.025, 0.05, 0.1, 1.0, 1.05, 1.08, 1.1)
CAPABILITIES = {
    "p100": (6, 0),
    "v100": (7, 0),
    "2080": (7, 5),
    "a100": (8, 0),
    "3090": (8, 6),
    "a5000": (8, 6),
}
CAPABILITIES |= {"4090": (8, 9), "h100": (9, 0)}
"""Compute capabilities of cards, by what the name of a log contains; what a column averages over is then what the
library takes it for. `@SECONDS` behind the name of the column says it outright."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """Readings of one sensor, and windows of which the true energy is known, in seconds and joules."""

    name: str
    t_s: Floats
    power_w: Floats
    energy_j: Floats
    averaging_s: float | None
    windows: dict[str, Floats]
    """By title: start, end and true energy, shape (n, 3)."""
    quiet_s: Floats
    """Start and end of each time at which nothing was served, shape (m, 2)."""
    uncorrected: dict[str, Floats]
    """The same by the meter as it is, without its gain and offset against the sensor taken out."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Windows of one log; errors and half-widths relative to the true energy."""

    log: str
    windows: str
    count: int
    bias: float
    mean_error: float
    p95_error: float
    held_random: float
    held_with_gain: float
    median_half_width: float
    trapezoid_mean_error: float
    trapezoid_p95_error: float


def main() -> None:
    """Print the table and write `out/real.json`."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.real DIR")
    logs = list(read_logs(Path(sys.argv[1])))
    if not logs:
        sys.exit(f"{sys.argv[1]}: no log of the format in benchmarks/README.md")
    rows = [judge(log, title) for log in logs for title in log.windows]
    write("real", {"rows": [asdict(row) for row in rows]})
    print(
        f"\nreal logs ({machine()['cores']} cores); errors are relative to the true energy, widths the median"
    )
    print(
        f"{'log':34} {'windows':>8} {'n':>4} {'bias':>8} {'mean':>8} {'95th':>8} {'random held':>12} "
        f"{'with gain':>10} {'± random':>9} {'trapezoid: mean':>16} {'95th':>8}"
    )
    for row in rows:
        print(
            f"{row.log:34} {row.windows:>8} {row.count:4d} {row.bias:+8.2%} {row.mean_error:8.2%} "
            f"{row.p95_error:8.2%} {row.held_random:12.1%} {row.held_with_gain:10.1%} "
            f"{row.median_half_width:9.2%} {row.trapezoid_mean_error:16.2%} {row.trapezoid_p95_error:8.2%}"
        )


def read_logs(folder: Path) -> Iterator[Log]:
    """Yield the logs of a folder."""
    for path in sorted(folder.glob("*.csv")):
        meters = sorted(folder.glob(f"{path.stem.removesuffix('_smi')}_pmd*.csv"))
        if path.stem.endswith("_smi") and meters:
            yield from _beside_a_meter(path, meters[0])
        elif not re.search("_smi$|_windows$|_pmd", path.stem):
            yield from _with_windows(path)


def judge(log: Log, title: str) -> Row:
    """Compare our energies of all windows of a title with the truth."""
    start_s, end_s, true_j = log.windows[title].T
    trace = one_channel(log.t_s, log.power_w, log.energy_j, log.averaging_s, is_linear=len(log.quiet_s) > 0)
    account = EnergyAccount(trace, unix_ns(log.quiet_s))
    edges = unix_ns(start_s), unix_ns(end_s)
    energies, uncertainty = account.energies(*edges)[0], account.uncertainties(*edges)[0]
    error = energies.energy_j / true_j - 1
    half_width = uncertainty.random_j / true_j
    plain = energies.energy_j / log.uncorrected[title][:, 2] - 1
    with_gain = np.hypot(uncertainty.random_j, uncertainty.gain_j) / log.uncorrected[title][:, 2]
    trapezoid = np.abs(_trapezoid_j(log, start_s, end_s) / true_j - 1)
    return Row(
        log=log.name,
        windows=title,
        count=len(true_j),
        bias=float(np.mean(error)),
        mean_error=float(np.mean(np.abs(error))),
        p95_error=float(np.quantile(np.abs(error), 0.95)),
        held_random=float(np.mean(np.abs(error) <= half_width)),
        held_with_gain=float(np.mean(np.abs(plain) <= with_gain)),
        median_half_width=float(np.median(half_width)),
        trapezoid_mean_error=float(np.mean(trapezoid)),
        trapezoid_p95_error=float(np.quantile(trapezoid, 0.95)),
    )


def _beside_a_meter(path: Path, meter: Path) -> Iterator[Log]:
    """Yield a log for each column of power, whose windows are random ones of each length."""
    table = np.genfromtxt(path, delimiter=",", names=True, deletechars="")
    meter_s, meter_j = np.genfromtxt(meter, delimiter=",", skip_header=1).T
    for column in table.dtype.names[1:]:
        field, _, stated = column.partition("@")
        averaging_s = float(stated) if stated else _averaging_s(path.stem, field, table.dtype.names)
        t_s, power_w = table["t_s"], table[column]
        gain, offset_w, late_s = _align(t_s, power_w, meter_s, meter_j)
        first_s, last_s = meter_s[0] + MARGIN_S, min(meter_s[-1], t_s[-1]) - MARGIN_S
        windows, uncorrected = {}, {}
        for length_s in LENGTHS_S:
            rng = np.random.default_rng(7)
            start_s = rng.uniform(first_s, last_s - length_s, WINDOWS)
            read_j = np.interp([start_s, start_s + length_s], meter_s, meter_j)
            metered_j = read_j[1] - read_j[0]
            shifted_s = start_s + late_s
            true_j = gain * metered_j + offset_w * length_s
            title = f"{length_s:.0f} s"
            windows[title] = np.column_stack([shifted_s, shifted_s + length_s, true_j])
            uncorrected[title] = np.column_stack([shifted_s, shifted_s + length_s, metered_j])
        yield Log(
            name=f"{path.stem.removesuffix('_smi')} {field}",
            t_s=t_s,
            power_w=power_w,
            energy_j=np.full(len(t_s), np.nan),
            averaging_s=averaging_s,
            windows=windows,
            quiet_s=np.empty((0, 2)),
            uncorrected=uncorrected,
        )


def _averaging_s(log: str, field: str, fields: Sequence[str]) -> float | None:
    """Return over how long the library takes a field of nvidia-smi to average on the card in a log's name."""
    named = (capability for card, capability in CAPABILITIES.items() if card in log.lower())
    has_instant = any(each.partition("@")[0] == "power.draw.instant" for each in fields)
    capability = next(named, None)
    short_s, usual_s = averaging_times_s(capability, has_instant=has_instant)
    return (
        mean_s(capability)
        if field == "power.draw.average"
        else short_s
        if field.endswith("instant")
        else usual_s
    )


def _align(t_s: Floats, power_w: Floats, meter_s: Floats, meter_j: Floats) -> tuple[float, float, float]:
    """Return gain and offset of a sensor against the meter, and by how much its clock is late.

    Readings are compared with the meter's mean over a time before them, by least squares; all three, and that time, are
    those of the best fit.
    """
    changed = np.append(True, np.diff(power_w) != 0)
    read_s, read_w = t_s[changed], power_w[changed]
    inside = (read_s - max(AVERAGES_TRIED_S) > meter_s[0] + 0.1) & (read_s < meter_s[-1] - 0.1)
    read_s, read_w = read_s[inside], read_w[inside]
    fits = []
    for averaging_s, late_s in product(AVERAGES_TRIED_S, SHIFTS_S):
        until_j = np.interp(read_s - late_s, meter_s, meter_j)
        mean_w = (until_j - np.interp(read_s - late_s - averaging_s, meter_s, meter_j)) / averaging_s
        (gain, offset_w), left = np.polyfit(mean_w, read_w, 1, full=True)[:2]
        fits.append((float(left[0]), float(gain), float(offset_w), float(late_s)))
    _, gain, offset_w, late_s = min(fits)
    return gain, offset_w, late_s


def _with_windows(path: Path) -> Iterator[Log]:
    """Yield the log `NAME.csv` with the windows of `NAME_windows.csv`, or of the longest beginning of NAME."""
    parts = path.stem.split("_")
    named = ("_".join(parts[:count]) for count in range(len(parts), 0, -1))
    windows = next(filter(Path.exists, (path.parent / f"{name}_windows.csv" for name in named)), None)
    if windows is None:
        return
    t_s, power_w, energy_j = np.genfromtxt(path, delimiter=",", skip_header=1).T
    known = np.genfromtxt(windows, delimiter=",", skip_header=1, ndmin=2)
    yield Log(
        name=path.stem,
        t_s=t_s,
        power_w=power_w,
        energy_j=energy_j,
        averaging_s=None,
        windows={"given": known},
        quiet_s=np.column_stack([np.append(t_s[0], known[:, 1]), np.append(known[:, 0], t_s[-1])]),
        uncorrected={"given": known},
    )


def _trapezoid_j(log: Log, start_s: Floats, end_s: Floats) -> Floats:
    """Return what the trapezoid rule over the same samples of power gives; NaN without any."""
    read = np.isfinite(log.power_w)
    if not read.any():
        return np.full(len(start_s), np.nan)
    t_s, power_w = log.t_s[read], log.power_w[read]
    until_j = np.concatenate([[0.0], np.cumsum(np.diff(t_s) * (power_w[1:] + power_w[:-1]) / 2)])

    def until(at_s: Sequence[float] | Floats) -> Floats:
        """Straight lines of power between the samples: a quadratic in between, of which this is the chord."""
        energy_j: Floats = np.interp(at_s, t_s, until_j)
        return energy_j

    return until(end_s) - until(start_s)


if __name__ == "__main__":
    main()
