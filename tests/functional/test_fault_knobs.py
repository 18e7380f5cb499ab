"""Every fault of a simulated card, through the real sampler: the right warning, and no wrong number without one."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.estimate.meter import EstimateMeter
from llenergymeasure.meters.sampling.sampler import Sampler
from tests.architecture.tree import ROOT
from tests.support.fault_session import FAULT_S, KNOBS, LEAD_S, WINDOWS
from tests.support.simulator_fixtures import run_child_json

UNKNOWN_AFTER_FAULT = [True, False, False]
"""Whether the energy of each window is known: the fault comes in the second and stays."""
UNKNOWN_AT_FAULT = [True, False, True]
EXPECTED = {
    "sound": [],
    "counter reset": ["counter_reset"],
    "counter wrap": ["counter_reset"],
    "counter frozen": ["counter_frozen"],
    "counter frozen from the start": ["source_chosen"],
    "counter unsupported": ["source_chosen"],
    "lost": ["gpu_lost"],
    "blank counter": ["sensor_errors"],
    "blank power": ["sensor_errors"],
    "errors at a rate": ["sensor_errors"],
    "errors in a window": ["sensor_errors"],
    "no power beside the counter": [],
    "stale power": ["power_stale"],
    "stale power without a counter": ["power_stale", "source_chosen"],
    "counter and power differ": ["counter_power_disagree"],
    "foreign process": ["foreign_gpu_process"],
    "throttling": ["throttled"],
    "MIG": ["shared_card"],
}
KNOWN = {
    "counter reset": UNKNOWN_AT_FAULT,
    "counter wrap": UNKNOWN_AT_FAULT,
    "counter frozen": UNKNOWN_AFTER_FAULT,
    "lost": UNKNOWN_AFTER_FAULT,
}
WRONG_BUT_SAID = ("stale power without a counter",)
"""Nothing tells what such a card draws, and its reading may be right: the number stays, beside its warning."""

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def session(nvml_library_dir: Path) -> Any:
    """What became of every card; one session for all tests."""
    environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    environment |= {"LD_LIBRARY_PATH": str(nvml_library_dir), "PYTHONPATH": str(ROOT)}
    outcome = run_child_json("from tests.support.fault_session import main; main()", environment)
    assert outcome["began_s"] < LEAD_S, "the sampler was not up in time"
    return outcome


@pytest.mark.simulator
@pytest.mark.parametrize("knob", KNOBS)
def test_the_fault_is_named(session: Any, knob: str) -> None:
    label = session["knobs"][knob]["label"]
    named = {
        warning["code"]
        for warning in session["warnings"]
        if label in warning["message"] and warning["code"] not in ("energy_unknown", "meter_redirected")
    }
    assert sorted(named) == EXPECTED[knob]


@pytest.mark.simulator
@pytest.mark.parametrize("knob", KNOBS)
def test_the_energy_is_within_its_interval_of_the_truth_or_unknown_with_the_reason(
    session: Any, knob: str
) -> None:
    found = session["knobs"][knob]
    known = [window["energy_j"] is not None for window in found["windows"]]
    assert known == KNOWN.get(knob, [True, True, True])
    assert (found["energy_j"] is None) == (not all(known))
    assert (found["reason"] is None) == all(known)
    for window in found["windows"]:
        if window["energy_j"] is None:
            assert window["reason"]
        elif knob not in WRONG_BUT_SAID:
            half_width_j = math.hypot(window["random_j"], window["gain_j"])
            assert abs(window["energy_j"] - window["true_j"]) <= half_width_j


@pytest.mark.simulator
def test_no_card_with_a_counter_is_off_by_more_than_its_edges_leave_open(session: Any) -> None:
    for knob, found in session["knobs"].items():
        for window in found["windows"]:
            if found["method"] == "counter" and window["energy_j"] is not None:
                assert window["energy_j"] == pytest.approx(window["true_j"], rel=0.02), knob


@pytest.mark.simulator
def test_an_unknown_energy_makes_the_run_invalid(session: Any) -> None:
    assert session["verdict"] == "invalid"
    unknown = [warning for warning in session["warnings"] if warning["code"] == "energy_unknown"]
    assert {warning["severity"] for warning in unknown} == {"invalid"}
    assert WINDOWS[1][0] < FAULT_S < WINDOWS[1][1]


def test_a_step_of_the_wall_clock_moves_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = AnchoredClock()
    sampler = Sampler([EstimateMeter], MeterOptions(), clock, tmp_path / "samples.bin")
    before_ns = clock.now_ns()
    sampler.start()
    stepped_ns = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: stepped_ns)
    monkeypatch.setattr(time, "time", lambda: stepped_ns / 1e9)
    clock.sleep(0.5)
    trace = sampler.stop()
    after_ns = clock.now_ns()
    assert after_ns - before_ns < 60 * 10**9
    times_ns = trace.samples["t_unix_ns"]
    assert before_ns <= times_ns[0] <= times_ns[-1] <= after_ns
