"""The RAPL meter on a simulated powercap tree: what is counted, what is not, how it fails."""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.probing import probe_meter
from llenergymeasure.meters.rapl.meter import RaplMeter
from tests.simulators.powercap import PowercapTree, Zone, build_tree
from tests.simulators.signals import Constant
from tests.support.simulator_fixtures import PowercapSimulator

PACKAGE = Zone(
    name="package-0",
    power=Constant(60.0),
    children=(Zone(name="core"), Zone(name="uncore"), Zone(name="dram", power=Constant(9.0))),
)
OPTIONS = MeterOptions()


@pytest.fixture
def at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function `(tree) -> path` that builds a tree whose counters stand still, and points the meter at it."""

    def build(tree: PowercapTree) -> Path:
        build_tree(tree, tmp_path)
        path = tmp_path / "class" / "powercap"
        monkeypatch.setenv("LLEM_POWERCAP_DIR", str(path))
        return path

    return build


@pytest.fixture
def forbid_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel refuse to open any counter; the tests may run as root, whom no file mode stops."""
    real_open, read_bytes = os.open, Path.read_bytes

    def refuse(path: Any, real: Callable[..., Any], *arguments: Any) -> Any:
        if str(path).endswith("energy_uj"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", lambda path, *rest: refuse(path, real_open, *rest))
    monkeypatch.setattr(Path, "read_bytes", lambda path: refuse(path, read_bytes))


def opened(options: MeterOptions = OPTIONS) -> list[Channel]:
    meter = RaplMeter()
    channels = list(meter.open(options))
    meter.close()
    return channels


def devices(channels: list[Channel], *, included_in_total: bool) -> list[str]:
    return [channel.device for channel in channels if channel.included_in_total is included_in_total]


def test_package_and_dram_are_counted_and_parts_of_a_package_left_out(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(PACKAGE,)))
    package, dram = opened()
    assert (package.device, package.domain, package.label) == ("package-0", "cpu", "CPU package 0")
    assert (dram.device, dram.domain, dram.label) == ("package-0/dram", "dram", "Memory of CPU package 0")
    assert package.included_in_total
    assert dram.included_in_total
    assert package.method == "counter"


def test_psys_is_recorded_but_not_counted(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(PACKAGE, Zone(name="psys"))))
    channels = opened()
    assert devices(channels, included_in_total=False) == ["psys"]
    assert channels[-1].domain == "system"
    assert (channels[-1].note or "").startswith("contains the packages")


def test_every_package_of_a_server_is_counted(at_rest: Any) -> None:
    second = replace(PACKAGE, name="package-1", start_uj=77)
    at_rest(PowercapTree(zones=(PACKAGE, second)))
    assert devices(opened(), included_in_total=True) == [
        "package-0",
        "package-0/dram",
        "package-1",
        "package-1/dram",
    ]


def test_more_than_ten_packages_keep_their_order(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=tuple(Zone(name=f"package-{n}", start_uj=n) for n in range(12))))
    assert devices(opened(), included_in_total=True) == [f"package-{n}" for n in range(12)]


def test_dies_that_show_one_register_are_counted_once(at_rest: Any) -> None:
    dies = (Zone(name="package-0-die-0"), Zone(name="package-0-die-1", mirrors="package-0-die-0"))
    at_rest(PowercapTree(zones=dies))
    channels = opened()
    assert devices(channels, included_in_total=True) == ["package-0-die-0"]
    assert devices(channels, included_in_total=False) == ["package-0-die-1"]
    assert (channels[1].note or "").startswith("the same counter as package-0-die-0")


def test_dies_with_registers_of_their_own_are_both_counted(at_rest: Any) -> None:
    at_rest(
        PowercapTree(
            zones=(Zone(name="package-0-die-0", start_uj=5), Zone(name="package-0-die-1", start_uj=9))
        )
    )
    assert devices(opened(), included_in_total=True) == ["package-0-die-0", "package-0-die-1"]


def test_zones_of_one_name_stay_apart(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(Zone(name="package-0", start_uj=5), Zone(name="package-0", start_uj=9))))
    assert devices(opened(), included_in_total=True) == ["package-0", "package-0 (intel-rapl:1)"]


def test_the_same_packages_under_mmio_are_ignored(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(PACKAGE,), mmio=True))
    assert devices(opened(), included_in_total=True) == ["package-0", "package-0/dram"]


def test_amd_zones_are_found(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(Zone(name="package-0", children=(Zone(name="core"),)),), control="amd-rapl"))
    assert devices(opened(), included_in_total=True) == ["package-0"]


def test_the_range_of_the_counter_is_that_of_the_zone(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(Zone(name="package-0", range_uj=65_532_610_987),)))
    assert opened()[0].counter_range_j == pytest.approx(65_532.610987)


def test_a_zone_without_a_range_does_not_wrap(at_rest: Any) -> None:
    path = at_rest(PowercapTree(zones=(Zone(name="package-0"),)))
    (path / "intel-rapl:0" / "max_energy_range_uj").write_text("0\n")
    assert opened()[0].counter_range_j is None


def test_readings_follow_the_true_energy(
    powercap_simulator: PowercapSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = powercap_simulator(PowercapTree(zones=(PACKAGE,)))
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(running.path))
    meter, offset = RaplMeter(), time.time_ns() - time.monotonic_ns()
    meter.open(OPTIONS)
    first = meter.read(offset)
    time.sleep(0.2)
    last = meter.read(offset)
    meter.close()
    for zone, start, end in zip(("package-0", "package-0/dram"), first, last, strict=True):
        truth = running.true_energy_j(zone, start.t_unix_ns, end.t_unix_ns)
        assert end.energy_j - start.energy_j == pytest.approx(truth, abs=3.0)
    assert [sample.channel for sample in last] == [0, 1]
    assert {sample.error for sample in last} == {0}


def test_a_counter_near_its_range_is_read_raw_through_the_wrap(
    powercap_simulator: PowercapSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = Zone(name="package-0", power=Constant(100.0), start_uj=990_000_000, range_uj=1_000_000_000)
    running = powercap_simulator(PowercapTree(zones=(soon,)))
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(running.path))
    meter = RaplMeter()
    (channel,) = meter.open(OPTIONS)
    readings = [meter.read(0)[0].energy_j]
    while readings[-1] > 500.0 and len(readings) < 100:
        time.sleep(0.02)
        readings += [meter.read(0)[0].energy_j]
    meter.close()
    assert readings[-1] < 500.0
    assert channel.counter_range_j == 1000.0


def test_probe_shows_watts(powercap_simulator: PowercapSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    running = powercap_simulator(PowercapTree(zones=(PACKAGE,)))
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(running.path))
    status = probe_meter(RaplMeter(), OPTIONS, with_readings=True)
    assert status.available
    assert [channel.device for channel in status.channels] == ["package-0", "package-0/dram"]
    assert 0.0 < float(status.readings[0].removesuffix(" W")) < 600.0  # truly 60 W; the tree may lag


def test_no_tree_is_no_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(tmp_path / "missing"))
    status = probe_meter(RaplMeter(), OPTIONS, with_readings=True)
    assert not status.available
    assert status.reason == f"the kernel shows no energy counters in {tmp_path / 'missing'}"
    assert "modprobe intel_rapl_msr" in (status.remedy or "")
    with pytest.raises(MeterError, match="the kernel shows no energy counters"):
        RaplMeter().open(OPTIONS)


def test_counters_for_root_only_give_the_exact_command(at_rest: Any, forbid_counters: None) -> None:
    path = at_rest(PowercapTree(zones=(PACKAGE,)))
    status = probe_meter(RaplMeter(), OPTIONS, with_readings=True)
    assert "CVE-2020-8694" in (status.reason or "")
    assert status.remedy == f"sudo chmod -R a+r {path / 'intel-rapl'}"
    with pytest.raises(MeterError, match="sudo chmod -R a"):
        RaplMeter().open(OPTIONS)


def test_a_container_that_masks_the_counters_is_recognised(at_rest: Any, tmp_path: Path) -> None:
    at_rest(PowercapTree(zones=(PACKAGE,)))
    shutil.rmtree(tmp_path / "devices")
    status = probe_meter(RaplMeter(), OPTIONS, with_readings=True)
    assert "this container hides the energy counters" in (status.reason or "")
    assert "systempaths=unconfined" in (status.remedy or "")


def test_a_tree_of_platforms_alone_has_no_processor(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(Zone(name="psys"),)))
    assert "no counter of a processor package" in (
        probe_meter(RaplMeter(), OPTIONS, with_readings=True).reason or ""
    )


def test_a_counter_that_turns_unreadable_gives_an_error_sample(at_rest: Any) -> None:
    path = at_rest(PowercapTree(zones=(Zone(name="package-0"),)))
    meter = RaplMeter()
    meter.open(OPTIONS)
    (path / "intel-rapl:0" / "energy_uj").write_text("")
    (sample,) = meter.read(0)
    meter.close()
    meter.close()
    assert sample.error == errno.EIO
    assert math.isnan(sample.energy_j)


def test_counters_that_are_not_the_kernels_are_marked(at_rest: Any) -> None:
    path = at_rest(PowercapTree(zones=(PACKAGE,)))
    assert {channel.read_from for channel in opened()} == {str(path)}
    assert all(f"read from {path}, not the kernel's sysfs" in (channel.note or "") for channel in opened())


def test_probe_leaves_nothing_open(at_rest: Any) -> None:
    at_rest(PowercapTree(zones=(PACKAGE,)))
    before = len(os.listdir("/proc/self/fd"))
    probe_meter(RaplMeter(), OPTIONS, with_readings=True)
    opened()
    assert len(os.listdir("/proc/self/fd")) == before
