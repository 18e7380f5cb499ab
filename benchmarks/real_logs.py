"""The logs of a folder whose true energy is known; those that cannot be judged, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
from benchmarks.log_csv import BadLog, Floats, Table, read_csv

from llenergymeasure.meters.nvml.power import averaging_times_s, mean_s

LENGTHS_S = (1.0, 3.0, 8.0)
WINDOWS = 300
"""Random windows of each length."""
MARGIN_S = 1.5
"""From the ends of a log: a window needs readings around it."""
NEEDED_S = max(LENGTHS_S) + 2 * MARGIN_S
METER_S = 0.02
"""The longest time between two readings of a meter, in the median."""
SHIFTS_S = np.arange(-0.03, 0.0601, 0.001)
"""Trial delays of the sensor's clock against the meter's."""
AVERAGES_TRIED_S = (0.01, 0.025, 0.05, 0.1, 1.0, 1.05, 1.08, 1.1)
FIELDS = ("power.draw", "power.draw.instant", "power.draw.average")
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
FALLS_ALLOWED = 0.01
"""Share of readings at which a counter may be below the reading before, since it can start again from 0."""


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
class Folder:
    """What a folder has: logs, and a line for each file that is left out, and for each that is wrong."""

    logs: list[Log] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def read_logs(path: Path) -> Folder:
    """Return the logs of a folder."""
    if not path.is_dir():
        return Folder(wrong=[f"{path}: there is no such folder; expected one with the logs"])
    files = sorted(path.glob("*.csv"))
    if not files:
        return Folder(wrong=[f"{path}: no file *.csv; expected logs as benchmarks/README.md describes them"])
    found, used = Folder(), set[Path]()
    for each in files:
        if re.search("_windows$|_pmd", each.stem):
            continue
        beside = _beside(each)
        used.update(beside[:1])
        if not beside:
            found.left_out.append(f"{each}: no {_partner(each)} beside it")
            continue
        read = _beside_a_meter if each.stem.endswith("_smi") else _with_windows
        try:
            found.logs.extend(list(read(each, beside[0])))
        except BadLog as bad:
            found.wrong.append(str(bad))
    for each in files:
        if re.search("_windows$|_pmd", each.stem) and each not in used:
            found.left_out.append(f"{each}: belongs to no log of the folder, or to one that has another")
    return found


def _partner(path: Path) -> str:
    name = path.stem.removesuffix("_smi")
    return f"{name}_pmd*.csv" if path.stem.endswith("_smi") else f"{name}_windows.csv"


def _beside(path: Path) -> list[Path]:
    """Return the files with the true energy, the best first: of windows those of the longest beginning of NAME."""
    if path.stem.endswith("_smi"):
        return sorted(path.parent.glob(_partner(path)))
    parts = path.stem.split("_")
    named = ("_".join(parts[:count]) for count in range(len(parts), 0, -1))
    windows = (path.parent / f"{name}_windows.csv" for name in named)
    return [each for each in windows if each.exists()]


def _beside_a_meter(path: Path, meter: Path) -> Iterator[Log]:
    """Yield a log for each column of power, whose windows are random ones of each length."""
    table = read_csv(path, f"t_s and at least one of {', '.join(FIELDS)}", ["t_s"])
    t_s, columns = table.times(), _columns_of_power(table)
    meter_s, meter_j = _metered(meter)
    first_s = max(meter_s[0], t_s[0]) + MARGIN_S
    last_s = min(meter_s[-1], t_s[-1]) - MARGIN_S
    if last_s - first_s < max(LENGTHS_S):
        raise table.bad(
            f"only {max(last_s - first_s + 2 * MARGIN_S, 0):.1f} s are in {meter.name} too; "
            f"at least {NEEDED_S:g} s are needed",
            "t_s",
        )
    for name, (column, averaging_s) in columns.items():
        power_w = table.columns[name]
        gain, offset_w, late_s = _align(table, name, meter_s, meter_j)
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
            if min(true_j.min(), metered_j.min()) <= 0:
                raise BadLog(f"{meter}: no energy in some of the windows; expected a load all the time")
        yield Log(
            name=f"{path.stem.removesuffix('_smi')} {column}",
            t_s=t_s,
            power_w=power_w,
            energy_j=np.full(len(t_s), np.nan),
            averaging_s=averaging_s,
            windows=windows,
            quiet_s=np.empty((0, 2)),
            uncorrected=uncorrected,
        )


def _columns_of_power(table: Table) -> dict[str, tuple[str, float | None]]:
    """Return by the name of each column the field and how long it averages."""
    names = [name for name in table.columns if name != "t_s"]
    if not names:
        raise table.bad(f"the only one; expected at least one of {', '.join(FIELDS)} too", "t_s")
    found: dict[str, tuple[str, float | None]] = {}
    for name in names:
        column, _, stated = name.partition("@")
        if column not in FIELDS:
            raise table.bad(
                f"not a field of power; expected {', '.join(FIELDS)}, or one of them@SECONDS", name
            )
        try:
            averaging_s = float(stated) if "@" in name else _averaging_s(table.path.stem, column, names)
        except ValueError:
            averaging_s = 0.0
        if averaging_s is not None and not 0 < averaging_s < 60:
            raise table.bad(f"{stated!r} is no averaging time; expected seconds, as in {column}@0.1", name)
        found[name] = name, averaging_s
        if not np.isfinite(table.columns[name]).any():
            raise table.bad("no reading in any line; expected watts", name)
    return found


def _metered(path: Path) -> tuple[Floats, Floats]:
    """Return times and energies of an external meter."""
    expected = "t_s and one other column, the energy in joules"
    table = read_csv(path, expected, ["t_s"])
    others = [name for name in table.columns if name != "t_s"]
    if len(others) != 1:
        raise table.bad(f"{len(others)} other columns beside it; expected {expected}", "t_s")
    meter_s, meter_j = table.times(), table.column(others[0])
    falls = np.diff(meter_j) < 0
    if falls.any():
        row = int(np.argmax(falls)) + 1
        raise table.bad(
            f"{meter_j[row]:g} after {meter_j[row - 1]:g}; expected energy that never falls", others[0], row
        )
    if len(meter_s) < 2 or np.median(np.diff(meter_s)) > 1.5 * METER_S:
        raise table.bad(f"expected a reading every {METER_S * 1e3:g} ms or more often", "t_s")
    return meter_s, meter_j


def _averaging_s(log: str, column: str, columns: Sequence[str]) -> float | None:
    """Return over how long the library takes a field of nvidia-smi to average on the card in a log's name."""
    named = (capability for card, capability in CAPABILITIES.items() if card in log.lower())
    has_instant = any(each.partition("@")[0] == "power.draw.instant" for each in columns)
    capability = next(named, None)
    short_s, usual_s = averaging_times_s(capability, has_instant=has_instant)
    return (
        mean_s(capability)
        if column == "power.draw.average"
        else short_s
        if column.endswith("instant")
        else usual_s
    )


def _align(table: Table, name: str, meter_s: Floats, meter_j: Floats) -> tuple[float, float, float]:
    """Return gain and offset of a sensor against the meter, and by how much its clock is late.

    Readings are compared with the meter's mean over a time before them, by least squares; all three, and that time, are
    those of the best fit.
    """
    t_s, power_w = table.columns["t_s"], table.columns[name]
    t_s, power_w = t_s[np.isfinite(power_w)], power_w[np.isfinite(power_w)]
    changed = np.append(True, np.diff(power_w) != 0)
    read_s, read_w = t_s[changed], power_w[changed]
    inside = (read_s - max(AVERAGES_TRIED_S) > meter_s[0] + 0.1) & (read_s < meter_s[-1] - 0.1)
    read_s, read_w = read_s[inside], read_w[inside]
    fits = []
    for averaging_s, late_s in product(AVERAGES_TRIED_S, SHIFTS_S):
        until_j = np.interp(read_s - late_s, meter_s, meter_j)
        mean_w = (until_j - np.interp(read_s - late_s - averaging_s, meter_s, meter_j)) / averaging_s
        if len(read_w) < 3 or np.ptp(mean_w) <= 1e-6 * np.abs(mean_w).max():
            raise table.bad(
                "power does not change, so gain and offset are unknown; expected a load that goes up and down",
                name,
            )
        (gain, offset_w), left = np.polyfit(mean_w, read_w, 1, full=True)[:2]
        fits.append((float(left.sum()), float(gain), float(offset_w), float(late_s)))
    _, gain, offset_w, late_s = min(fits)
    return gain, offset_w, late_s


def _with_windows(path: Path, windows: Path) -> Iterator[Log]:
    """Yield the log `NAME.csv` with the windows beside it."""
    names = ["t_s", "power_w", "energy_j"]
    table = read_csv(path, ",".join(names), names)
    t_s, power_w, energy_j = table.times(), table.columns["power_w"], table.columns["energy_j"]
    counted_j = energy_j[np.isfinite(energy_j)]
    if not counted_j.size and not np.isfinite(power_w).any():
        raise table.bad(
            "no value in any line, and none in power_w; expected at least one of the two", "energy_j"
        )
    if np.sum(np.diff(counted_j) < 0) > max(FALLS_ALLOWED * len(counted_j), 1):
        raise table.bad("falls again and again; expected a counter of energy that rises", "energy_j")
    known = _known_windows(windows, table)
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


def _known_windows(path: Path, log: Table) -> Floats:
    """Return the windows of a file: start, end and true energy, shape (n, 3)."""
    names = ["start_s", "end_s", "true_j"]
    table = read_csv(path, ",".join(names), names)
    start_s, end_s, true_j = (table.column(name) for name in names)
    first_s, last_s = log.columns["t_s"][0], log.columns["t_s"][-1]
    for row, (start, end, energy_j) in enumerate(zip(start_s, end_s, true_j, strict=True)):
        if end <= start:
            raise table.bad(f"{end:g} is not after start_s {start:g}; expected a later time", "end_s", row)
        if energy_j <= 0:
            raise table.bad(f"{energy_j:g}; expected more than 0 J", "true_j", row)
        if start < first_s or end > last_s:
            raise table.bad(
                f"{start:g} to {end:g} s is not within {log.path.name}; expected {first_s:g} to {last_s:g} s",
                "start_s",
                row,
            )
        if row and start < end_s[row - 1]:
            raise table.bad(
                f"{start:g} is before the end of the window above; expected windows one after another",
                "start_s",
                row,
            )
    return np.column_stack([start_s, end_s, true_j])
