"""Which RAPL counters a powercap tree holds, and which of them may be added up."""

from __future__ import annotations

import errno
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from llenergymeasure.core.sysfs import is_on_sysfs, read_number, read_text
from llenergymeasure.domain.trace import Channel, Domain, LeftOut
from llenergymeasure.exceptions import MeterUnavailable

_ZONE = re.compile(r"((?:intel|amd)-rapl):(\d+)(?::(\d+))?")
_PACKAGE = re.compile(r"(package-\d+)(-die-\d+)?")

Kind = Literal["package", "dram", "psys"]
_DOMAIN: dict[Kind, Domain] = {"package": "cpu", "dram": "dram", "psys": "system"}

RELATIVE_ERROR: dict[Kind, float] = {"package": 0.05, "dram": 0.10, "psys": 0.10}
"""Assumed half-widths. Against instruments, packages since Haswell agree within a few percent (Hackenberg et al., HPPAC
2015); DRAM is off by a constant that depends on the machine (Desrochers, Paradis, Weaver, MEMSYS 2016)."""

UPDATE_PERIOD_S = 0.001
"""Intel SDM, volume 3, 16.10.3: the energy status registers are updated about every millisecond."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One counter that is read. `device` is unique, like `package-0` or `package-0/dram`."""

    id: str
    kind: Kind
    device: str
    root: Path
    """The powercap tree that it lies in."""
    counter: Path
    range_j: float | None
    mirrors: str | None = None
    """The device whose register this counter shows once more."""

    def read_j(self) -> float:
        """Return the counter.

        Raises:
            OSError: it cannot be read, or is no file: reading a pipe would wait for ever.
            ValueError: it holds no number.
        """
        if not self.counter.is_file() and self.counter.exists():
            raise OSError(errno.EINVAL, "it is no file")
        return int(self.counter.read_bytes()) / 1e6


def powercap_root() -> Path:
    """Return the powercap tree: LLEM_POWERCAP_DIR, or the kernel's."""
    return Path(os.environ.get("LLEM_POWERCAP_DIR") or "/sys/class/powercap")


@dataclass(frozen=True, kw_only=True)
class FoundZones:
    """The zones that can be read, and those that cannot."""

    readable: tuple[Zone, ...]
    left_out: tuple[LeftOut, ...] = ()

    def of_meter(self, meter: str) -> tuple[LeftOut, ...]:
        """Return the zones that cannot be read, as those of a meter."""
        return tuple(each.model_copy(update={"meter": meter}) for each in self.left_out)


def find_zones(root: Path) -> FoundZones:
    """Return the packages, their DRAM and `psys` of a powercap tree.

    `core` and `uncore` are parts of their package; `intel-rapl-mmio` shows the packages of `intel-rapl` again. Both
    are left out.

    Raises:
        MeterUnavailable: there are none, or they may not be read.
    """
    paths = _zone_paths(root)
    if not paths:
        raise MeterUnavailable(
            f"the kernel shows no energy counters in {root}",
            "sudo modprobe intel_rapl_msr  # no help in a virtual machine: most hypervisors hide the counters",
        )
    return to_zones(root, paths)


def to_zones(root: Path, paths: Sequence[Path]) -> FoundZones:
    """Return what lies in these folders of the tree; mirrored registers are marked.

    Raises:
        MeterUnavailable: no package among them, or none that can be read.
    """
    zones = _unique([zone for path in paths if (zone := _read_zone(root, path)) is not None])
    packages = [zone for zone in zones if zone.kind == "package"]
    if not packages:
        raise _hidden(root, paths)
    faults = {zone.id: fault for zone in zones if (fault := _fault(root, zone)) is not None}
    if all(zone.id in faults for zone in packages):
        raise faults[packages[0].id]
    unread = [_left_out(zone, faults[zone.id]) for zone in zones if zone.id in faults]
    return FoundZones(
        readable=_mark_mirrors([zone for zone in zones if zone.id not in faults]),
        left_out=(*unread, *_nameless(paths), *_missing_packages(packages)),
    )


def to_channel(zone: Zone, meter: str = "rapl") -> Channel:
    """Return the channel of a zone; what is contained in another channel is not counted."""
    contained = None
    if zone.kind == "psys":
        contained = "contains the packages"
    elif zone.mirrors is not None:
        contained = f"the same counter as {zone.mirrors}"
    replaced = str(zone.root) if is_on_sysfs(zone.counter) is False else None
    notes = [contained, f"read from {replaced}, not the kernel's sysfs" if replaced else None]
    return Channel(
        meter=meter,
        domain=_DOMAIN[zone.kind],
        device=zone.device,
        label=_label(zone),
        method="counter",
        included_in_total=contained is None,
        counter_range_j=zone.range_j,
        update_period_s=UPDATE_PERIOD_S,
        relative_error=RELATIVE_ERROR[zone.kind],
        read_from=replaced,
        note="; ".join(note for note in notes if note) or None,
    )


def _zone_paths(root: Path) -> list[Path]:
    """Return top-level zones and those within them, by number; sysfs links the inner ones into `root` as well."""
    found = [*root.glob("*-rapl:*"), *root.glob("*-rapl:*/*-rapl:*:*")]
    by_id = {path.name: path for path in found if _ZONE.fullmatch(path.name)}
    return [by_id[name] for name in sorted(by_id, key=_zone_order)]


def _zone_order(name: str) -> tuple[str, int, int]:
    match = _ZONE.fullmatch(name)
    assert match is not None
    return match[1], int(match[2]), -1 if match[3] is None else int(match[3])


def _read_zone(root: Path, path: Path) -> Zone | None:
    name = read_text(path / "name")
    package = name
    kind: Kind
    if name == "psys":
        kind = "psys"
    elif name == "dram":
        kind, package = "dram", _parent_name(path)
    elif name is not None and _PACKAGE.fullmatch(name):
        kind = "package"
    else:
        return None
    range_uj = read_number(path / "max_energy_range_uj")
    return Zone(
        id=path.name,
        kind=kind,
        device=f"{package}/dram" if kind == "dram" else str(name),
        root=root,
        counter=path / "energy_uj",
        range_j=range_uj / 1e6 if range_uj and 0 < range_uj < math.inf else None,
    )


def _parent_name(path: Path) -> str:
    """Return the name of the package that a zone like `intel-rapl:0:1` belongs to."""
    parent_id = path.name.rpartition(":")[0]
    parent = path.parent if path.parent.name == parent_id else path.parent / parent_id
    return read_text(parent / "name") or parent_id


def _unique(zones: Iterable[Zone]) -> list[Zone]:
    taken: dict[str, Zone] = {}
    for zone in zones:
        device = f"{zone.device} ({zone.id})" if zone.device in taken else zone.device
        taken[device] = replace(zone, device=device)
    return list(taken.values())


def _hidden(root: Path, paths: Sequence[Path]) -> MeterUnavailable:
    if not paths[0].exists():  # a link that leads nowhere
        return MeterUnavailable(
            "this container hides the energy counters (Docker masks /sys/devices/virtual/powercap: CVE-2020-8694)",
            "docker run --security-opt systempaths=unconfined ...",
        )
    return MeterUnavailable(f"{root} holds no counter of a processor package")


def _fault(root: Path, zone: Zone) -> MeterUnavailable | None:
    """Return why a counter cannot be read."""
    try:
        zone.read_j()
    except PermissionError:
        return MeterUnavailable(
            "the energy counters are readable by root only (CVE-2020-8694)",
            f"sudo chmod -R a+r {root / zone.id.partition(':')[0]}",
        )
    except OSError as error:
        return MeterUnavailable(f"{zone.counter} cannot be read: {error.strerror or error}")
    except ValueError:
        return MeterUnavailable(f"{zone.counter} holds no number")
    return None


def _left_out(zone: Zone, fault: MeterUnavailable) -> LeftOut:
    return LeftOut(
        meter="rapl",
        domain=_DOMAIN[zone.kind],
        device=zone.device,
        label=_label(zone),
        reason=fault.reason,
        remedy=fault.remedy,
        included_in_total=zone.kind != "psys",
    )


def _nameless(paths: Sequence[Path]) -> list[LeftOut]:
    """Return the zones of which the kernel does not say what they count; in a package that may be its memory."""
    return [
        LeftOut(
            meter="rapl",
            domain="dram" if path.name.count(":") > 1 else "cpu",
            device=path.name,
            label=f"RAPL zone {path.name}",
            reason=f"{path / 'name'} cannot be read, so that what it counts is not known",
        )
        for path in paths
        if read_text(path / "name") is None
    ]


def _missing_packages(packages: Sequence[Zone]) -> list[LeftOut]:
    """Return the processors of the machine of which the kernel shows no counter."""
    named = {int(match[1]) for zone in packages if (match := re.match(r"package-(\d+)", zone.device))}
    on_sysfs = is_on_sysfs(packages[0].counter)
    wanted = (_sockets() if on_sysfs else None) or set(range(max(named, default=-1) + 1))
    return [
        LeftOut(
            meter="rapl",
            domain="cpu",
            device=f"package-{number}",
            label=f"CPU package {number}",
            reason="the kernel shows no energy counter of it",
            remedy="sudo modprobe -r intel_rapl_msr && sudo modprobe intel_rapl_msr  # looks for the packages again",
        )
        for number in sorted(wanted - named)
    ]


def _sockets() -> set[int]:
    """Return the numbers of the processors that are on line."""
    files = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/physical_package_id")
    numbers = (read_number(file) for file in files)
    return {int(number) for number in numbers if number is not None and number >= 0}


def _mark_mirrors(zones: Sequence[Zone]) -> tuple[Zone, ...]:
    """Dies of one package can show one register: adding them up would count it twice."""
    marked: list[Zone] = []
    for zone in zones:
        same = (each for each in marked if each.mirrors is None and _is_mirror(each, zone))
        original = next(same, None)
        marked.append(zone if original is None else replace(zone, mirrors=original.device))
    return tuple(marked)


def _is_mirror(first: Zone, second: Zone) -> bool:
    """Read the second counter between two reads of the first: only one register lies between itself twice over."""
    if (first.kind, _package(first)) != (second.kind, _package(second)):
        return False
    return all(first.read_j() <= second.read_j() <= first.read_j() for _ in range(2))


def _package(zone: Zone) -> str:
    match = _PACKAGE.match(zone.device)
    return match[1] if match else zone.device


def _label(zone: Zone) -> str:
    if zone.kind == "psys":
        return "Platform (psys)"
    package = zone.device.replace("/dram", "").replace("package-", "CPU package ").replace("-die-", " die ")
    return f"Memory of {package}" if zone.kind == "dram" else package
