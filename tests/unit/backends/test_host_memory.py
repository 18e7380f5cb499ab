from __future__ import annotations

import os
import subprocess
import sys

import pytest

from llenergymeasure.backends.host_memory import HostPeak

MIB = 2**20


def touch(size: int) -> None:
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])


def test_the_host_peak_begins_anew_at_each_reset():
    peak = HostPeak()
    peak.reset()
    if "host" not in peak.read():
        pytest.skip("this kernel does not reset the peak")
    before = peak.read()["host"]
    touch(64 * MIB)
    high = peak.read()["host"]
    peak.reset()
    assert high - before > 48 * MIB
    assert peak.read()["host"] < high - 32 * MIB


def test_a_peak_that_cannot_be_reset_goes_by_another_name(tmp_path):
    peak = HostPeak(proc=tmp_path)
    peak.reset()
    (name,) = peak.read()
    assert name == "host_since_start"
    assert peak.read()[name] > MIB


def test_without_a_reset_the_peak_is_that_of_the_process():
    assert list(HostPeak().read()) == ["host_since_start"]


def test_the_peak_of_several_processes_is_the_sum_of_theirs():
    command = [sys.executable, "-c", "block = bytearray(b'x') * (64 << 20); print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        alone, together = HostPeak(), HostPeak(lambda: (os.getpid(), other.pid))
        for each in (alone, together):
            each.reset()
        (name,), (same_name,) = alone.read(), together.read()
        assert name == same_name
        assert together.read()[name] - alone.read()[name] > 60 * MIB
        other.kill()


def test_a_process_that_has_ended_has_no_peak():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
        (peak,) = HostPeak(lambda: (os.getpid(), ended.pid)).read().values()
    assert peak > MIB
