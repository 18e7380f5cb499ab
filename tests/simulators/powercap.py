"""A tree like /sys/class/powercap whose energy files move on by themselves, with known power."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.signals import Constant, Signal

_ROOT = Path(__file__).parents[2]
RANGE_UJ = 262_143_328_850
"""What Intel servers report: a 32-bit register in units of 61 uJ."""
STEADY = Constant(45.0)


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One zone: its `name` file, the true power behind it, and the zones within it.

    `start_uj` is what the counter shows at the origin; near `range_uj` it wraps soon. `mirrors` names another zone
    whose counter this one shows (several dies with one register).
    """

    name: str
    power: Signal = STEADY
    start_uj: int = 1_000_000
    range_uj: int = RANGE_UJ
    children: tuple[Zone, ...] = ()
    mirrors: str | None = None

    def counter_uj(self, t_s: float) -> int:
        """Return what the counter shows `t_s` after the origin; it starts again at 0 once past `range_uj`."""
        return (self.start_uj + int(self.power.integral(t_s) * 1e6)) % (self.range_uj + 1)


@dataclass(frozen=True, kw_only=True)
class PowercapTree:
    """Top-level zones, numbered in order, under one control type."""

    zones: tuple[Zone, ...] = (Zone(name="package-0"),)
    control: str = "intel-rapl"
    mmio: bool = False
    """Also show every package under `intel-rapl-mmio`, as laptops do."""


@dataclass(frozen=True, kw_only=True)
class RunningPowercap:
    """A tree whose counters run. `path` is what LLEM_POWERCAP_DIR names."""

    path: Path
    tree: PowercapTree
    origin_monotonic_ns: int
    unix_offset_ns: int

    def true_energy_j(self, zone: str, start_unix_ns: int, end_unix_ns: int) -> float:
        """Return what a zone (`package-0`, `package-0/dram`) really drew between two Unix times."""
        power = dict(_named(self.tree.zones))[zone].power
        return power.integral(self._seconds(end_unix_ns)) - power.integral(self._seconds(start_unix_ns))

    def _seconds(self, unix_ns: int) -> float:
        return (unix_ns - self.unix_offset_ns - self.origin_monotonic_ns) / 1e9


@contextmanager
def run_powercap(tree: PowercapTree, folder: Path) -> Iterator[RunningPowercap]:
    """Build the tree under `folder` and keep its counters running, in a process of its own, until the context ends."""
    counters = build_tree(tree, folder)
    origin_ns = time.monotonic_ns()
    with _writer(counters, origin_ns):
        yield RunningPowercap(
            path=folder / "class" / "powercap",
            tree=tree,
            origin_monotonic_ns=origin_ns,
            unix_offset_ns=time.time_ns() - time.monotonic_ns(),
        )


def build_tree(tree: PowercapTree, folder: Path) -> list[tuple[Path, Zone]]:
    """Write the tree at rest and return its counter files; laid out as in sysfs, links included."""
    devices, links = folder / "devices" / "virtual" / "powercap", folder / "class" / "powercap"
    links.mkdir(parents=True)
    counters: list[tuple[Path, Zone]] = []
    for control in (tree.control, f"{tree.control}-mmio") if tree.mmio else (tree.control,):
        home = devices / control
        home.mkdir(parents=True)
        (links / control).symlink_to(home)
        for number, zone in enumerate(tree.zones):
            counters += _build_zone(zone, home / f"{control}:{number}", links)
    return counters


def _build_zone(zone: Zone, home: Path, links: Path) -> list[tuple[Path, Zone]]:
    home.mkdir()
    (links / home.name).symlink_to(home)
    (home / "name").write_text(f"{zone.name}\n")
    (home / "max_energy_range_uj").write_text(f"{zone.range_uj}\n")
    counter = home / "energy_uj"
    counters = []
    if zone.mirrors is not None:
        counter.symlink_to(_counter_of(zone.mirrors, home.parent))
    else:
        counter.write_text(counter_text(zone, 0.0))
        counters.append((counter, zone))
    for number, child in enumerate(zone.children):
        counters += _build_zone(child, home / f"{home.name}:{number}", links)
    return counters


def counter_text(zone: Zone, t_s: float) -> str:
    """Return a counter file's content; always the same length, so that it can be overwritten in place."""
    return f"{zone.counter_uj(t_s):>20}\n"


def _counter_of(name: str, siblings: Path) -> Path:
    return (
        next(path.parent for path in siblings.glob("*/name") if path.read_text().strip() == name)
        / "energy_uj"
    )


@contextmanager
def _writer(counters: list[tuple[Path, Zone]], origin_ns: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.powercap_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump((counters, origin_ns), process.stdin)
        process.stdin.flush()
        assert process.stdout.readline() == b"running\n"
        yield
    finally:
        process.kill()
        process.communicate()


def _named(zones: tuple[Zone, ...], prefix: str = "") -> Iterator[tuple[str, Zone]]:
    for zone in zones:
        yield prefix + zone.name, zone
        yield from _named(zone.children, f"{prefix}{zone.name}/")
