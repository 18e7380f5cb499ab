from __future__ import annotations

import pytest

from llenergymeasure.backends import host_memory
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


def test_a_peak_that_cannot_be_reset_goes_by_another_name(tmp_path, monkeypatch):
    monkeypatch.setattr(host_memory, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    peak = HostPeak()
    peak.reset()
    (name,) = peak.read()
    assert name == "host_since_start"
    assert peak.read()[name] > MIB


def test_without_a_reset_the_peak_is_that_of_the_process():
    assert list(HostPeak().read()) == ["host_since_start"]
