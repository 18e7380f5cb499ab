"""A meter that hangs, or ends its process in a way that no `except` sees, costs itself only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.estimate.meter import EstimateMeter
from llenergymeasure.meters.probing_apart import probe_apart
from llenergymeasure.meters.sampling.sampler import Sampler
from tests.simulators.powercap import PowercapTree, Zone, build_tree

CODE = """
import ctypes, os, sys, threading, time
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.plugins import Plugin

def declared(name):
    return Plugin(name=name, target=f"llem_acme:{name.title()}", install="pip install llem-acme",
                  capabilities=frozenset({"measures"}))

class Sound:
    name, period_s = "sound", 0.05
    def open(self, options):
        return [Channel(meter=self.name, domain="system", device="a", label="a", method="sampled")]
    def read(self, offset_ns): return [Sample(0, time.monotonic_ns() + offset_ns, power_w=5.0)]
    def close(self): pass

class Hangs(Sound):
    name = "hangs"
    def open(self, options):
        while True: time.sleep(1)

class Stuck(Sound):
    name = "stuck"
    def read(self, offset_ns): threading.Event().wait()

class Exits(Sound):
    name = "exits"
    def open(self, options): os._exit(0)

class Crashes(Sound):
    name = "crashes"
    def read(self, offset_ns): ctypes.string_at(0)

class Silent(Sound):
    name = "silent"
    def open(self, options):
        os.closerange(0, 100)
        os._exit(4)

class Loud(Sound):
    name = "loud"
    def open(self, options):
        os.write(1, b"{")
        return super().open(options)
"""
NAMES = ("sound", "hangs", "stuck", "exits", "crashes", "silent", "loud")


def _install(site: Path, *names: str) -> None:
    (site / "llem_acme.py").write_text(
        CODE + "\n".join(f"{each.upper()} = declared('{each}')" for each in NAMES)
    )
    info = site / "llem_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llem-acme\nVersion: 1.0\n")
    points = "\n".join(f"{each} = llem_acme:{each.upper()}" for each in names)
    (info / "entry_points.txt").write_text(f"[llenergymeasure.meters]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, of this process and its child processes."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    yield folder
    sys.modules.pop("llem_acme", None)


def _llem(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_doctor_goes_on_after_meters_that_end_its_process(site: Path) -> None:
    _install(site, "sound", "exits", "crashes", "silent", "loud")
    done = _llem("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = {each["name"]: each for each in json.loads(done.stdout)["meters"]}
    assert found["exits"]["reason"] == "its process ended with code 0 while it was probed"
    assert found["crashes"]["reason"] == "its process was killed by signal 11 (SIGSEGV) while it was probed"
    assert found["silent"]["reason"] == "its process ended with code 4 while it was probed"
    assert found["sound"]["readings"] == found["loud"]["readings"] == ["5.0 W"]
    assert found["estimate"]["available"]
    assert "name other meters in energy.meters" in found["crashes"]["remedy"]


def test_a_meter_that_hangs_is_given_up_and_the_others_are_probed(site: Path) -> None:
    _install(site, "hangs", "stuck", "sound")
    began_s = time.monotonic()
    found = probe_apart(("hangs", "stuck", "sound"), MeterOptions(), with_readings=True, timeout_s=3.0)
    assert time.monotonic() - began_s < 40.0
    assert found["hangs"].reason == found["stuck"].reason == "it did not answer within 3 s"
    assert found["sound"].readings == ("5.0 W",)


def test_a_run_is_refused_where_the_meter_it_names_ends_its_process(site: Path, tmp_path: Path) -> None:
    _install(site, "exits")
    done = _llem("run", f"--model={tmp_path}", "--device=cpu", "--set=energy.meters=exits", "--dry-run")
    assert done.returncode == 3
    assert "meter 'exits' cannot be read: its process ended with code 0" in done.stderr


def _sampler(tmp_path: Path, *names: str, auto: bool, timeout_s: float = 60.0) -> Sampler:
    import llem_acme  # type: ignore[import-not-found] - written by the test

    meters = [getattr(llem_acme, name.title()) for name in names]
    options = MeterOptions(energy=EnergyConfig())
    fallbacks = [EstimateMeter] if auto else []
    spool = tmp_path / "samples.bin"
    return Sampler(meters, options, AnchoredClock(), spool, fallbacks=fallbacks, step_timeout_s=timeout_s)


def test_sampling_leaves_out_a_meter_that_ends_its_process_where_auto_chose_it(
    site: Path, tmp_path: Path
) -> None:
    _install(site)
    sampler = _sampler(tmp_path, "sound", "crashes", "exits", auto=True)
    sampler.start()
    trace = sampler.stop()
    assert [each.meter for each in trace.channels] == ["sound"]
    assert (trace.of(0)["power_w"] == 5.0).all()
    assert [each.meter for each in sampler.left_out] == ["exits", "crashes"]
    assert sampler.left_out[1].reason == "sampler killed by signal 11 (SIGSEGV)"


@pytest.mark.parametrize("name", ["hangs", "stuck"])
def test_sampling_ends_in_words_where_a_named_meter_hangs(site: Path, tmp_path: Path, name: str) -> None:
    _install(site)
    sampler = _sampler(tmp_path, "sound", name, auto=False, timeout_s=3.0)
    with pytest.raises(
        MeterError, match=f"meter '{name}' cannot be read: the sampler did not answer within 3 s"
    ):
        sampler.start()
    assert not sampler.alive


@pytest.mark.parametrize("file", ["energy_uj", "name", "max_energy_range_uj"])
def test_a_pipe_in_the_place_of_a_counter_s_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    build_tree(PowercapTree(zones=(Zone(name="package-0"), Zone(name="package-1"))), tmp_path)
    root = tmp_path / "class" / "powercap"
    pipe = (root / "intel-rapl:1").resolve() / file
    pipe.unlink()
    os.mkfifo(pipe)
    monkeypatch.setenv("LLEM_POWERCAP_DIR", str(root))
    status = probe_apart(("rapl",), MeterOptions(), with_readings=False, timeout_s=10.0)["rapl"]
    assert "package-0" in [each.device for each in status.channels]


HANGING_DRIVER = """
import threading
class NVMLError(Exception): pass
def nvmlInit(): threading.Event().wait()
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return 0
def nvmlDeviceGetHandleByIndex(index): raise NVMLError
"""
LOOK = """
import json, logging, sys
from llenergymeasure.core.environment import collect_environment_metadata
from llenergymeasure.core.machine_state import read_machine_state
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.orchestration import preflight
gpu.TIMEOUT_S = preflight.DRIVER_TIMEOUT_S = 0.5
logging.basicConfig(format="%(message)s")
preflight._warn_if_persistence_mode_off()
print(json.dumps([collect_environment_metadata().gpu_missing_because, read_machine_state()["gpus"]]))
"""


def test_a_driver_that_hangs_is_told_wherever_gpus_are_looked_at(site: Path) -> None:
    (site / "pynvml.py").write_text(HANGING_DRIVER)
    command = [sys.executable, "-c", LOOK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == ["the NVIDIA driver did not answer within 0 s", []]
    assert "the NVIDIA driver did not answer within 0 s: nvidia-smi says whether it hangs" in done.stderr
