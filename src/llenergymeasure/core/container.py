"""Which container this process runs in, and what its control group grants it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from llenergymeasure.core.hardware import ContainerEnvironment
from llenergymeasure.core.sysfs import read_number, read_text

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
        cpu_limit_cores=_cpu_limit_cores(root),
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


def _cpu_limit_cores(root: Path) -> float | None:
    for group in _groups(root, "cpu"):
        quota, _, period = (read_text(group / "cpu.max") or "").partition(" ")
        if quota.isdigit() and period.isdigit():
            return int(quota) / int(period)
        quota_us = read_number(group / "cpu.cfs_quota_us")
        period_us = read_number(group / "cpu.cfs_period_us")
        if quota_us and period_us and quota_us > 0:
            return quota_us / period_us
    return None


def _memory_limit_mb(root: Path) -> float | None:
    for group in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = read_number(group / name)
            if limit is not None and limit < UNLIMITED:
                return round(limit / 2**20, 1)
    return None


def _groups(root: Path, controller: str) -> list[Path]:
    """Return the folders of this process's control group, of version 2 and 1, and their roots.

    Inside a container the process usually sees its own group as the root.
    """
    base = root / "sys/fs/cgroup"
    folders: list[Path] = []
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            folders += [base / path.lstrip("/"), base]
        elif controller in controllers.split(","):
            folders += [base / controllers / path.lstrip("/"), base / controllers]
    return folders
