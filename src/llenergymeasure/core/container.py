"""Which container this process runs in, and what its control group grants it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.core.hardware import ContainerEnvironment
from llenergymeasure.core.sysfs import read_number, read_text


@dataclass(frozen=True, kw_only=True)
class QuotaCount:
    """What the processor quota of a control group has done so far."""

    periods: int
    throttled_periods: int
    """Those in which the quota was used up before the end."""
    throttled_s: float
    """Summed over the processors."""


Throttling = dict[str, QuotaCount]
"""By the folder of the group."""

UNLIMITED = 2**60
"""Version 1 control groups write a number of this order for "no limit"."""


def read_container(root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> ContainerEnvironment:
    """Return the container as its own files describe it, looked up under `root`; `os.environ` by default."""
    environ = os.environ if environ is None else environ
    podman = _podman_facts(root)
    return ContainerEnvironment(
        runtime=_runtime(root, environ),
        image=podman.get("image") or environ.get("APPTAINER_NAME") or environ.get("SINGULARITY_NAME"),
        image_id=podman.get("imageid"),
        cpu_limit_cores=cpu_limit_cores(root),
        memory_limit_mb=_memory_limit_mb(root),
    )


def _runtime(root: Path, environ: Mapping[str, str]) -> str | None:
    """Ask the most specific sign first: a Kubernetes pod also looks like the engine below it."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    if "APPTAINER_CONTAINER" in environ or "SINGULARITY_CONTAINER" in environ:
        return "apptainer"
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    return environ.get("container") or _runtime_by_cgroup(
        root
    )  # systemd's container interface sets the former


def _runtime_by_cgroup(root: Path) -> str | None:
    groups = read_text(root / "proc/1/cgroup") or ""
    signs = {"kubepods": "kubernetes", "libpod": "podman", "docker": "docker", "lxc": "lxc"}
    return next((runtime for sign, runtime in signs.items() if sign in groups), None)


def _podman_facts(root: Path) -> dict[str, str]:
    lines = (read_text(root / "run/.containerenv") or "").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def cpu_limit_cores(root: Path = Path("/")) -> float | None:
    """Return the processor time that the control group may use, in cores; None without a quota.

    A group may use no more than any group around it, so the tightest of the path counts.
    """
    limits = (_quota_cores(group) for group in _groups(root, "cpu"))
    return min((limit for limit in limits if limit is not None), default=None)


def read_throttling(root: Path = Path("/")) -> Throttling:
    """Return how often the quota held this process up so far, by group; empty without a control group that counts it.

    Source: Linux, Documentation/scheduler/sched-bwc.rst, `cpu.stat`; microseconds in version 2, nanoseconds in 1.
    """
    found = ((group, _stat(group / "cpu.stat")) for group in dict.fromkeys(_groups(root, "cpu")))
    return {
        str(group): QuotaCount(
            periods=int(stat["nr_periods"]),
            throttled_periods=int(stat["nr_throttled"]),
            throttled_s=stat["throttled_usec"] / 1e6
            if "throttled_usec" in stat
            else stat.get("throttled_time", 0) / 1e9,
        )
        for group, stat in found
        if "nr_periods" in stat and "nr_throttled" in stat
    }


def _quota_cores(group: Path) -> float | None:
    quota, _, period = (read_text(group / "cpu.max") or "").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        return int(quota) / int(period)
    quota_us, period_us = (read_number(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return quota_us / period_us if quota_us and period_us and quota_us > 0 else None


def _stat(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in (read_text(file) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _memory_limit_mb(root: Path) -> float | None:
    """Return the tightest limit of all groups around the process; None where there is none."""
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [read_number(group / name) for group in _groups(root, "memory") for name in names]
    tightest = min((limit for limit in limits if limit is not None and limit < UNLIMITED), default=None)
    return None if tightest is None else round(tightest / 2**20, 1)


def memory_left_bytes(root: Path = Path("/")) -> int | None:
    """Return what the limits of the groups around the process leave of memory; None where there is no limit.

    Pages of files that were not used lately are given up before a limit is reached, so they count as free (kernel
    documentation, cgroup-v2, `inactive_file`).
    """
    left = [_left_in(group) for group in _groups(root, "memory")]
    return min((each for each in left if each is not None), default=None)


def _left_in(group: Path) -> int | None:
    for limit_name, usage_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, usage = read_number(group / limit_name), read_number(group / usage_name)
        if limit is not None and limit < UNLIMITED and usage is not None:
            stat = _stat(group / "memory.stat")
            unused = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            return max(int(limit - usage) + unused, 0)
    return None


def _groups(root: Path, controller: str) -> list[Path]:
    """Return the folders of this process's control group, of version 2 and 1, and of all groups around it.

    Inside a container the process usually sees its own group as the root.
    """
    folders: list[Path] = []
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or controller in controllers.split(","):
            for mount, top in _mounts(root, controllers, controller):
                folders += _upwards(mount, path.removeprefix(top.rstrip("/")))
    return list(dict.fromkeys(folders))


def _mounts(root: Path, controllers: str, controller: str) -> list[tuple[Path, str]]:
    """Return where a hierarchy is mounted, and which of its groups is the top there; also its usual places.

    Source: proc(5), `/proc/pid/mountinfo`: the fourth field is the top, the fifth the place; after the hyphen stand the
    file system and, at the end, its options.
    """
    found: list[tuple[Path, str]] = []
    for line in (read_text(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        place, system = before.split(), after.split()
        if len(place) > 4 and system:
            is_unified = not controllers and system[0] == "cgroup2"
            if is_unified or (controllers and system[0] == "cgroup" and controller in system[-1].split(",")):
                found.append((root / place[4].lstrip("/"), place[3]))
    base = root / "sys/fs/cgroup"
    usual = [base / name for name in dict.fromkeys((controllers, *controllers.split(",")))]
    return [*found, *((place, "/") for place in (usual if controllers else (base, base / "unified")))]


def _upwards(mount: Path, path: str) -> list[Path]:
    """Return the folder of a group and those around it, up to the mount; `..` is what lies outside of a container."""
    parts = [part for part in path.split("/") if part and part != ".."]
    return [mount.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]
