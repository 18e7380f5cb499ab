"""Cool-down and baselines of a whole run on a simulated card, against what the card really drew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.api import load_result, verify
from llenergymeasure.domain.trace import Phase
from llenergymeasure.results.parquet.trace_phases import read_phases
from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.nvml.profiles import h100
from tests.simulators.signals import Constant, Square, Steps
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

pytestmark = [pytest.mark.simulator, pytest.mark.slow]

RUN = """
import json, sys
import psutil
from llenergymeasure.config.loader import load_config
from llenergymeasure.orchestration import preflight
from llenergymeasure.orchestration.experiment import execute
from llenergymeasure.orchestration.jobs import prepare_job

def not_told():
    raise OSError("this system does not tell its processor time")

psutil.cpu_times = not_told  # what else this machine does is no part of the simulated one
preflight._check_cuda_available = lambda: True  # torch does not see a simulated card
print(json.dumps(str(execute(prepare_job(load_config(overrides=json.loads(sys.argv[1])))))))
"""
COOL_AT_S = 8.0
ORDER = ["baseline_idle", "attach", "baseline_context", "load", "prepare", "baseline_loaded", "warmup"]


def _settings(tmp_path: Path, **measurement: Any) -> dict[str, Any]:
    return {
        "model": "any",
        "backend": "standin",
        "device": "cuda",
        "workload": {"dataset": "synthetic", "n_prompts": 8, "input_tokens": 5, "max_output_tokens": 8},
        "measurement": {
            "baseline": {"idle_s": 2.0, "context_s": 2.0, "loaded_s": 2.0},
            "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": None},
            "window": {"min_duration_s": 1.0},
            "repeats": {"min": 3, "max": 3},
            **measurement,
        },
        "energy": {"meters": "nvml"},
        "standin": {"token_s": 0.0083},
        "output_dir": str(tmp_path / "out"),
    }


def _power_w(machine: NvmlMachine, phase: Phase) -> float:
    return machine.true_energy_j(0, phase.start_unix_ns, phase.end_unix_ns) / phase.duration_s


def test_run_waits_for_the_card_and_meters_each_state_of_rest(
    tmp_path: Path, standin_env: dict[str, str], nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    falling = Steps(65.0, [(COOL_AT_S / 2, 50.0), (COOL_AT_S, 42.0)])
    card = h100(power=Square(low=70.0, high=130.0, period_s=3.1), temperature=falling)
    machine = NvmlMachine(gpus=(card,))
    settings = _settings(tmp_path, cooldown={"max_temperature_c": 45.0, "max_wait_s": 60.0})
    environment = nvml_simulator(machine, PYTHONPATH=standin_env["PYTHONPATH"])
    bundle = Path(child_json(RUN, environment, json.dumps(settings)))
    result = load_result(bundle)
    phases = {phase.name: phase for phase in read_phases(bundle / "phases.parquet")}
    assert list(phases) == ["cooldown", *ORDER, "window"]

    assert machine.seconds(phases["baseline_idle"].start_unix_ns) >= COOL_AT_S
    assert result.cooldown is not None
    assert (result.cooldown.after_c, result.cooldown.reached) == (42.0, True)
    assert "start_temperature" not in {warning.code for warning in result.warnings}

    for name, stored in (
        ("baseline_idle", result.idle_power_w),
        ("baseline_context", result.context_power_w),
        ("baseline_loaded", result.loaded_power_w),
    ):
        assert stored == pytest.approx(_power_w(machine, phases[name]), rel=0.02), name
    windows_j = sum(machine.true_energy_j(0, each.start_unix_ns, each.end_unix_ns) for each in result.repeats)
    idle_j = _power_w(machine, phases["baseline_idle"]) * result.total_inference_time_s
    assert result.net_energy_j == pytest.approx(windows_j - idle_j, abs=0.02 * windows_j)
    assert result.estimates["net_energy_j"].half_width is not None
    assert verify(bundle).bundles[0].findings == ()


def test_second_run_takes_over_the_idle_power_of_the_first(
    tmp_path: Path, standin_env: dict[str, str], nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    machine = NvmlMachine(gpus=(h100(power=Constant(95.0)),))
    environment = nvml_simulator(
        machine, PYTHONPATH=standin_env["PYTHONPATH"], LLEM_CACHE_DIR=str(tmp_path / "cache")
    )
    settings = _settings(
        tmp_path,
        baseline={"idle_s": 2.0, "context_s": 0, "loaded_s": 0, "reuse_max_age_s": 600.0},
        repeats={"min": 1, "max": 1},
    )
    first, second = (Path(child_json(RUN, environment, json.dumps(settings))) for _ in range(2))
    origins = []
    for bundle in (first, second):
        result = load_result(bundle)
        assert result.baseline is not None
        origins.append(result.baseline.origin)
        assert result.idle_power_w == pytest.approx(95.0, rel=0.01)
        assert result.energy.net_baseline is not None
        assert result.energy.net_baseline.origin == result.baseline.origin
        assert verify(bundle).bundles[0].findings == ()
    assert origins == ["measured", "cached"]
    names = [phase.name for phase in read_phases(second / "phases.parquet")]
    assert names[0] == "baseline_check"
    assert "baseline_idle" not in names
