"""Warnings have stable codes, a number and a remedy; the verdict is the most severe of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import DeviceEnergy, EnergyBreakdown, RunWarning
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.verdict import run_warnings, verdict
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request

CPU = ExperimentConfig(model="any", device="cpu")
CUDA = ExperimentConfig(model="any")


def _rows(count: int = 3, duration_s: float = 2.0, energy: TotalEnergy | None = None) -> list[WindowTotals]:
    return [
        WindowTotals(
            window=Phase(name="window", repeat=number, start_unix_ns=0, end_unix_ns=round(duration_s * 1e9)),
            energy=energy or TotalEnergy(energy_j=5.0),
        )
        for number in range(count)
    ]


def _energy(domain: str, method: str = "counter") -> EnergyBreakdown:
    device = DeviceEnergy.model_validate(
        {
            "meter": "any",
            "domain": domain,
            "device": "d",
            "label": "the device",
            "method": method,
            "energy_j": 5.0,
            "mean_power_w": 2.0,
            "note": "8 W per core",
        }
    )
    return EnergyBreakdown(by_device=(device,))


def _judge(
    config: ExperimentConfig,
    rows: list[WindowTotals],
    energy: EnergyBreakdown,
    interrupted: str | None,
    stopped_because: str,
) -> tuple[RunWarning, ...]:
    return run_warnings(
        CheckInputs(
            config=config,
            rows=rows,
            energy=energy,
            account=EnergyAccount(Unmetered().trace()),
            interrupted=interrupted,
            stopped_because=stopped_because,
        )
    )


def _codes(warnings: tuple[RunWarning, ...]) -> list[str]:
    return [warning.code for warning in warnings]


def test_sound_run_has_no_warning() -> None:
    warnings = _judge(CPU, _rows(), _energy("cpu"), None, "target_reached")
    assert warnings == ()
    assert verdict(warnings) == "valid"


def test_estimate_is_never_silent() -> None:
    (warning,) = _judge(CPU, _rows(), _energy("cpu", "estimated"), None, "fixed")
    assert warning.code == "energy_estimated"
    assert "8 W per core" in warning.message
    assert verdict([warning]) == "valid_with_warnings"


def test_gpu_run_that_metered_only_the_cpu_is_flagged() -> None:
    assert _codes(_judge(CUDA, _rows(), _energy("cpu"), None, "fixed")) == ["compute_device_not_metered"]


@pytest.mark.parametrize(
    ("rows", "code"), [(_rows(duration_s=0.4), "window_short"), (_rows(count=2), "few_repeats")]
)
def test_weak_protocol_is_flagged(rows: list[WindowTotals], code: str) -> None:
    assert _codes(_judge(CPU, rows, _energy("cpu"), None, "fixed")) == [code]


@pytest.mark.parametrize(("empty", "codes"), [(0, []), (1, []), (4, ["answers_empty"])])
def test_answers_that_end_at_once_are_told(empty: int, codes: list[str]) -> None:
    requests = RequestTable.from_records(
        RequestRecord(
            request_id=str(number),
            repeat=0,
            prompt_tokens=10,
            output_tokens=1 if number < empty else 16,
            scheduled_unix_ns=0,
            sent_unix_ns=0,
            first_token_unix_ns=1,
            closed_unix_ns=2,
            finish_reason="stop",
        )
        for number in range(20)
    )
    rows = [replace(row, served=requests) for row in _rows()]
    warnings = _judge(CPU, rows, _energy("cpu"), None, "fixed")
    assert _codes(warnings) == codes
    assert verdict(warnings) == "valid"


@pytest.mark.parametrize(("served_count", "severity"), [(6, "invalid"), (27, "warning")])
def test_failed_requests_are_counted_apart_with_their_kinds(served_count: int, severity: str) -> None:
    failed = [request(str(number), status="error", error_kind="OutOfMemory") for number in range(2)]
    failed.append(request("late", status="timeout"))
    served = RequestTable.from_records(
        request(str(number), token_s=(1.0, 2.0)) for number in range(served_count)
    )
    rows = [replace(_rows()[0], served=served, failed=RequestTable.from_records(failed)), *_rows()[1:]]
    (warning,) = _judge(CPU, rows, _energy("cpu"), None, "fixed")
    assert (warning.code, warning.severity) == ("requests_failed", severity)
    assert warning.magnitude == pytest.approx(3 / (3 + served_count))
    assert (
        f"3 of {3 + served_count} requests failed within the windows (OutOfMemory: 2, timeout: 1)"
        in warning.message
    )


def test_missed_target_is_flagged() -> None:
    assert _codes(_judge(CPU, _rows(), _energy("cpu"), None, "max_reached")) == ["target_not_reached"]


def test_unknown_energy_is_invalid_and_counts_the_windows() -> None:
    rows = [*_rows(2), *_rows(1, energy=TotalEnergy(energy_j=None, reason="GPU 0: the counter froze"))]
    (warning,) = _judge(CPU, rows, _energy("cpu"), None, "fixed")
    assert warning.message == "Energy is unknown in 1 of 3 windows: GPU 0: the counter froze."
    assert verdict([warning]) == "invalid"


def test_every_warning_has_a_sentence_and_a_remedy() -> None:
    rows = _rows(1, duration_s=0.1, energy=TotalEnergy(energy_j=None, reason="gone"))
    for warning in _judge(CUDA, rows, _energy("cpu", "estimated"), "killed", "max_reached"):
        assert warning.message.endswith(".")
        assert warning.remedy.endswith(".")


def test_the_most_severe_warning_comes_first() -> None:
    rows = _rows(1, energy=TotalEnergy(energy_j=None, reason="gone"))
    severities = [each.severity for each in _judge(CUDA, rows, _energy("cpu"), None, "fixed")]
    assert severities == sorted(severities, key=["invalid", "warning", "info"].index)
