"""Claims about meters by name: those of the package, those of plugins, and wrong names."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import ValidationError

from llenergymeasure.config.models import EnergyConfig
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.sampling.opening import open_meters
from llenergymeasure.meters.selection import auto_meters, choose_meters, meter_problems, probe_meters

ENTRY_POINTS = """[llenergymeasure.meters]
wallplug = acme_power:WALLPLUG
unplugged = acme_power:UNPLUGGED
bare = acme_power:BARE
broken = acme_broken:BROKEN
raising = acme_power:RAISING
"""
MODULE = """
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.plugins import Plugin

def meter(name, target, requires=(), capabilities=("measures", "by_name_only")):
    return Plugin(name=name, target=f"acme_power:{target}", requires=requires, install="pip install acme-power",
                  capabilities=frozenset(capabilities))

WALLPLUG = meter("wallplug", "WallPlug", capabilities=CAPABILITIES)
UNPLUGGED = meter("unplugged", "Unplugged", capabilities=("measures",))
BARE = meter("bare", "WallPlug", ("acme_driver_that_is_missing",), ("measures",))
RAISING = meter("raising", "Raising", capabilities=("measures",))

class WallPlug:
    name, period_s = "wallplug", 1.0
    def open(self, options):
        return [Channel(meter="wallplug", domain="system", device="plug", label="plug", method="sampled")]
    def read(self, offset_ns):
        return [Sample(0, offset_ns, power_w=61.3)]
    def close(self):
        pass

class Unplugged(WallPlug):
    name = "unplugged"
    def open(self, options):
        raise MeterUnavailable("no plug on /dev/ttyUSB0", "sudo modprobe ftdi_sio")

class Raising(WallPlug):
    name = "raising"
    def open(self, options):
        raise OSError("short circuit")
"""


@pytest.fixture
def _acme_power(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with meters of its own; the parameter is what `wallplug` can do."""
    capabilities = getattr(request, "param", ("measures", "by_name_only"))
    info = tmp_path / "acme_power-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-power\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "acme_power.py").write_text(f"CAPABILITIES = {capabilities!r}\n{MODULE}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_power", raising=False)


def _select(*names: str) -> list[str]:
    """Open the meters as the sampler does, and return the names of those that are read."""
    energy = EnergyConfig(meters=names if len(names) > 1 else names[0])
    choice = choose_meters(energy)
    with ExitStack() as stack:
        opened = open_meters(choice.meters, choice.fallbacks, MeterOptions(energy=energy), stack)
        return [each.meter.name for each in opened.meters]


def _problems(*names: str) -> list[str]:
    energy = EnergyConfig(meters=names)
    return meter_problems(energy, MeterOptions(energy=energy))


def test_no_meters_are_none() -> None:
    assert _select("none") == []
    assert meter_problems(EnergyConfig(meters="none"), MeterOptions()) == []


def test_meter_is_found_by_its_name_alone_or_in_a_list() -> None:
    assert _select("estimate") == ["estimate"]
    assert [meter.name for meter in choose_meters(EnergyConfig(meters=("estimate",))).meters] == ["estimate"]


def test_auto_takes_what_measures_or_else_the_estimate() -> None:
    states = probe_meters(MeterOptions())
    measuring = [name for name in ("nvml", "rapl") if states[name].available]
    assert _select("auto") == (measuring or ["estimate"])
    assert auto_meters(states) == tuple(measuring or ["estimate"])
    assert meter_problems(EnergyConfig(), MeterOptions()) == []


@pytest.mark.usefixtures("_acme_power")
@pytest.mark.parametrize("_acme_power", [("measures",)], indirect=True)
def test_auto_probes_a_plugin_meter_that_reads_sensors_of_its_own() -> None:
    assert "wallplug" in _select("auto")
    assert "estimate" not in _select("auto")


@pytest.mark.usefixtures("_acme_power")
@pytest.mark.parametrize("_acme_power", [("measures", "by_name_only"), ()], indirect=True)
def test_auto_leaves_out_a_plugin_meter_that_reads_sensors_of_other_meters() -> None:
    assert "wallplug" not in _select("auto")
    assert _select("wallplug", "estimate") == ["wallplug", "estimate"]


@pytest.mark.usefixtures("_acme_power")
def test_auto_names_a_plugin_that_does_not_load_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    assert "estimate" in _select("auto") or {"nvml", "rapl"} & set(_select("auto"))
    assert "energy.meters: auto leaves out the meter 'broken': plugin 'broken' does not load" in caplog.text


@pytest.mark.usefixtures("_acme_power")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unplugged", "no plug on /dev/ttyUSB0 → sudo modprobe ftdi_sio"),
        ("bare", "not installed: acme_driver_that_is_missing → pip install acme-power"),
        (
            "broken",
            "plugin 'broken' does not load: acme_broken:BROKEN: ModuleNotFoundError: No module named 'acme_broken' "
            "→ pip install --force-reinstall acme-power",
        ),
        ("raising", "it failed to open: OSError: short circuit"),
    ],
)
def test_named_meter_that_cannot_be_read_is_an_error_with_reason_and_remedy(name: str, text: str) -> None:
    with pytest.raises(MeterError) as caught:
        _select("estimate", name)
    assert f"meter '{name}' cannot be read: {text}" in str(caught.value)


@pytest.mark.usefixtures("_acme_power")
def test_every_problem_of_the_named_meters_is_told() -> None:
    bare, unplugged = _problems("bare", "wallplug", "unplugged")
    assert bare.startswith("meter 'bare' cannot be read: not installed")
    assert unplugged.startswith("meter 'unplugged' cannot be read")


@pytest.mark.usefixtures("_acme_power")
def test_the_configuration_refuses_unknown_meters_with_the_names_that_exist() -> None:
    with pytest.raises(
        ValidationError, match=r"unknown meter 'estimat'; known: .*wallplug.* mean estimate\?"
    ):
        EnergyConfig(meters="estimat")
    with pytest.raises(ValidationError, match=r"unknown meter 'nvlm'.*; unknown meter 'AUTOO'.*mean auto\?"):
        EnergyConfig(meters=("nvlm", "wallplug", "AUTOO"))


def test_impossible_power_model_is_a_problem_of_auto_where_nothing_measures() -> None:
    if any(probe_meters(MeterOptions())[name].available for name in ("nvml", "rapl")):
        pytest.skip("a sensor measures here")
    energy = EnergyConfig.model_validate({"estimate": {"cpu_max_power_w": 1, "cpu_idle_power_w": 2}})
    (problem,) = meter_problems(energy, MeterOptions(energy=energy))
    assert problem.startswith("meter 'estimate' cannot be read")


@pytest.mark.usefixtures("_acme_power")
def test_doctor_hears_of_every_meter_the_broken_ones_included() -> None:
    states = probe_meters(MeterOptions())
    assert list(states)[:3] == ["nvml", "rapl", "estimate"]
    assert states["wallplug"].readings == ("61.3 W",)
    assert states["bare"].remedy == "pip install acme-power"
    assert states["broken"].remedy == "pip install --force-reinstall acme-power"


@pytest.mark.usefixtures("_acme_power")
def test_a_meter_that_auto_leaves_out_keeps_its_reason() -> None:
    choice = choose_meters(EnergyConfig())
    with ExitStack() as stack:
        opened = open_meters(choice.meters, choice.fallbacks, MeterOptions(), stack)
    assert opened.unavailable["unplugged"] == "no plug on /dev/ttyUSB0 → sudo modprobe ftdi_sio"
    assert opened.unavailable["raising"] == "it failed to open: OSError: short circuit"


@pytest.mark.usefixtures("_acme_power")
@pytest.mark.parametrize("_acme_power", [("measures",)], indirect=True)
def test_choosing_meters_opens_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    (plug,) = choose_meters(EnergyConfig(meters="wallplug")).meters
    monkeypatch.setattr(plug, "open", lambda *_: pytest.fail("it was opened"))
    assert plug in choose_meters(EnergyConfig()).meters
