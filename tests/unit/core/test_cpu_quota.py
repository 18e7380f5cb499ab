"""The processor quota of a control group: the tightest counts, and what it did is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llenergymeasure.core.container import QuotaCount, cpu_limit_cores, read_throttling
from llenergymeasure.core.cpu import most_threads
from llenergymeasure.harness.hold_ups import HoldUpWatch

V2 = {"proc/self/cgroup": "0::/user/job/step\n"}
V1 = {"proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/docker/x\n"}
STAT = "nr_periods 190\nnr_throttled 147\nthrottled_usec 2500000\n"


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({**V2, "sys/fs/cgroup/user/job/step/cpu.max": "200000 100000"}, 2.0),
        (
            {
                **V2,
                "sys/fs/cgroup/user/job/step/cpu.max": "max 100000",
                "sys/fs/cgroup/user/cpu.max": "50000 100000",
            },
            0.5,
        ),
        (
            {
                **V2,
                "sys/fs/cgroup/user/job/step/cpu.max": "400000 100000",
                "sys/fs/cgroup/user/job/cpu.max": "3000 2000",
            },
            1.5,
        ),
        ({**V2, "sys/fs/cgroup/unified/user/cpu.max": "10000 10000"}, 1.0),
        ({"proc/self/cgroup": "0::/../../pod\n", "sys/fs/cgroup/cpu.max": "250000 100000"}, 2.5),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us": "150000",
                "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us": "100000",
            },
            1.5,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        (
            {
                **V2,
                "proc/self/mountinfo": "9 1 0:9 /user /else/where rw - cgroup2 cgroup rw\n",
                "else/where/job/cpu.max": "70000 100000",
            },
            0.7,
        ),
        (
            {
                **V1,
                "proc/self/mountinfo": "9 1 0:9 /docker/x /cg rw - cgroup cgroup rw,cpuacct,cpu\n8 1 x\n",
                "cg/cpu.cfs_quota_us": "20000",
                "cg/cpu.cfs_period_us": "10000",
            },
            2.0,
        ),
        ({**V2, "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({**V2, "sys/fs/cgroup/cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_the_tightest_quota_of_the_path_counts(
    tmp_path: Path, files: dict[str, str], cores: float | None
) -> None:
    assert cpu_limit_cores(_write(tmp_path, files)) == cores


@pytest.mark.parametrize(
    ("quota", "threads"), [("50000", 1), ("100000", 1), ("190000", 1), ("100000000", None)]
)
def test_no_more_threads_than_the_quota_and_the_cores_allow(
    tmp_path: Path, quota: str, threads: int | None
) -> None:
    root = _write(tmp_path, {**V2, "sys/fs/cgroup/cpu.max": f"{quota} 100000"})
    assert most_threads(root) == (threads or len(os.sched_getaffinity(0)))


def test_what_the_quota_did_is_read_in_both_versions(tmp_path: Path) -> None:
    two = _write(tmp_path / "2", {**V2, "sys/fs/cgroup/user/cpu.stat": f"usage_usec 9\n{STAT}"})
    one = _write(
        tmp_path / "1",
        {
            **V1,
            "sys/fs/cgroup/cpu,cpuacct/cpu.stat": STAT.replace("throttled_usec", "throttled_time") + "bad\n",
        },
    )
    count = QuotaCount(periods=190, throttled_periods=147, throttled_s=2.5)
    assert list(read_throttling(two).values()) == [count]
    assert [each.throttled_s for each in read_throttling(one).values()] == [0.0025]


def test_a_window_records_what_the_quota_did_in_it(tmp_path: Path) -> None:
    root = _write(
        tmp_path, {**V2, "sys/fs/cgroup/user/cpu.stat": STAT, "sys/fs/cgroup/user/cpu.max": "50000 100000"}
    )
    watch = HoldUpWatch(root)
    _write(
        root, {"sys/fs/cgroup/user/cpu.stat": "nr_periods 290\nnr_throttled 227\nthrottled_usec 4500000\n"}
    )
    seen = watch.look(0)
    assert (seen.quota_cores, seen.quota_periods, seen.quota_throttled_periods) == (0.5, 100, 80)
    assert seen.quota_throttled_s == pytest.approx(2.0)


def test_a_system_that_counts_nothing_leaves_it_unknown(tmp_path: Path) -> None:
    seen = HoldUpWatch(tmp_path).look(0)
    assert (seen.quota_cores, seen.quota_periods, seen.quota_throttled_s) == (None, None, None)
