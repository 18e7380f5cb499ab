"""What others, a quota or a suspend took from the windows is warned of by its size."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import DeviceEnergy, EnergyBreakdown, RunWarning
from llenergymeasure.domain.interference import HoldUp, Interference, OtherLoad
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.hold_ups import check_windows_were_not_held_up
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.interference import check_machine_was_exclusive
from llenergymeasure.metrics.energy.account import EnergyAccount


def _inputs(
    interference: Interference, device: str = "cpu", energy_j: dict[str, float] | None = None
) -> CheckInputs:
    shares = {"cpu": 10.0} if energy_j is None else energy_j
    devices = tuple(
        DeviceEnergy.model_validate(
            {
                "meter": "any",
                "domain": domain,
                "device": "d",
                "label": domain,
                "method": "counter",
                "energy_j": joules,
                "mean_power_w": 2.0,
            }
        )
        for domain, joules in shares.items()
    )
    return CheckInputs(
        config=ExperimentConfig(model="any", device=device),
        rows=(),
        energy=EnergyBreakdown(by_device=devices),
        account=EnergyAccount(Unmetered().trace()),
        interference=interference,
    )


def _held_up(device: str = "cpu", **facts: Any) -> list[RunWarning]:
    hold_up = HoldUp.model_validate({"repeat": 0, "duration_s": 10.0, **facts})
    return list(check_windows_were_not_held_up(_inputs(Interference(hold_ups=(hold_up,)), device)))


def _foreign(foreign: float, own: float, cores: int, **inputs: Any) -> list[RunWarning]:
    load = OtherLoad(foreign_cpu_cores=foreign, own_cpu_cores=own, cpu_cores=cores)
    return list(check_machine_was_exclusive(_inputs(Interference(windows=load), **inputs)))


def test_a_window_that_was_not_held_up_has_no_warning() -> None:
    assert (
        _held_up(waiting_fraction=0.02, suspended_s=0.0, quota_periods=100, quota_throttled_periods=0) == []
    )
    assert _held_up() == []


@pytest.mark.parametrize(
    ("waiting", "device", "severity"),
    [(0.2, "cpu", "warning"), (0.5, "cpu", "invalid"), (0.98, "cpu", "invalid"), (0.5, "cuda", "warning")],
)
def test_waiting_for_a_processor_is_as_severe_as_it_is_long(
    waiting: float, device: str, severity: str
) -> None:
    (warning,) = _held_up(device, waiting_fraction=waiting)
    assert (warning.code, warning.severity) == ("processor_contended", severity)
    assert warning.magnitude == pytest.approx(waiting)


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (0.2, "a step took up to 1.2 times as long"),
        (0.84, "a step took up to 6.3 times as long"),
        (0.92, "a step took up to 13 times as long"),
        (0.99, "a step took more than 20 times as long"),
        (1.0, "a step took more than 20 times as long"),
    ],
)
def test_the_slow_down_is_a_number_that_people_read(waiting: float, said: str) -> None:
    (warning,) = _held_up(waiting_fraction=waiting)
    assert said in warning.message


def test_a_quota_that_is_used_up_is_told_with_its_size() -> None:
    facts = {
        "quota_cores": 0.5,
        "quota_periods": 190,
        "quota_throttled_periods": 147,
        "quota_throttled_s": 12.3,
    }
    (warning,) = _held_up(**facts)
    assert warning.code == "cpu_quota_throttled"
    assert warning.magnitude == pytest.approx(147 / 190)
    assert "quota of 0.5 cores was used up in 147 of 190 periods" in warning.message


@pytest.mark.parametrize(("asleep_s", "severity"), [(0.5, "warning"), (60.0, "invalid")])
def test_a_machine_that_slept_is_told(asleep_s: float, severity: str) -> None:
    (warning,) = _held_up(suspended_s=asleep_s)
    assert (warning.code, warning.severity) == ("machine_suspended", severity)


@pytest.mark.parametrize(
    ("foreign", "own", "cores", "severity"),
    [
        (0.3, 1.7, 2, "warning"),
        (1.0, 1.0, 2, "invalid"),
        (1.9, 0.1, 2, "invalid"),
        (0.3, 0.1, 64, "warning"),
        (16.0, 8.0, 64, "invalid"),
    ],
)
def test_foreign_load_is_as_severe_as_its_share_of_the_energy(
    foreign: float, own: float, cores: int, severity: str
) -> None:
    (warning,) = _foreign(foreign, own, cores)
    assert (warning.code, warning.severity) == ("foreign_cpu_load", severity)


@pytest.mark.parametrize("energy_j", [{"gpu": 100.0}, {"gpu": 100.0, "cpu": 20.0}])
def test_foreign_load_beside_a_gpu_counts_by_the_part_of_the_processors(energy_j: dict[str, float]) -> None:
    (warning,) = _foreign(1.9, 0.1, 2, device="cuda", energy_j=energy_j)
    assert warning.severity == "warning"
    assert warning.magnitude == pytest.approx(0.73 * energy_j.get("cpu", 0.0) / 120.0, abs=0.01)


def test_foreign_load_before_loading_is_never_invalid() -> None:
    load = OtherLoad(foreign_cpu_cores=2.0, own_cpu_cores=0.0, cpu_cores=2)
    (warning,) = check_machine_was_exclusive(_inputs(Interference(before=load)))
    assert warning.severity == "warning"
