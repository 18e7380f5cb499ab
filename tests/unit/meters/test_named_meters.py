"""Meters on other software are taken by name only, and say what is missing."""

from __future__ import annotations

import sys

import pytest

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.selection import choose_meters, probe


@pytest.mark.parametrize("name", ["zeus", "codecarbon"])
def test_a_missing_library_gives_the_command_that_brings_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    status = probe(name, MeterOptions())
    assert (status.available, status.reason) == (False, f"not installed: {name}")
    assert status.remedy == f'pip install "llenergymeasure[{name}]"'


@pytest.mark.parametrize("name", ["zeus", "codecarbon"])
def test_auto_never_takes_other_software_that_reads_the_same_sensors(name: str) -> None:
    assert name not in [meter.name for meter in choose_meters(EnergyConfig()).meters]
