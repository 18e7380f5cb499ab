"""A server that ran before the baseline is said, and its memory is nobody else's."""

from __future__ import annotations

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import EnergyBreakdown
from llenergymeasure.domain.interference import Interference, OtherGpuLoad, OtherLoad
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.verdict import run_warnings
from llenergymeasure.metrics.energy.account import EnergyAccount

CARD = OtherGpuLoad(
    device="GPU-1", label="GPU 0", foreign_pids=(), memory_used_bytes=60 << 30, memory_total_bytes=80 << 30
)
CODES = {"baseline_has_server", "gpu_memory_taken"}


def codes(*, ran_before: bool) -> set[str]:
    inputs = CheckInputs(
        config=ExperimentConfig(model="any", backend="standin", device="cpu"),
        rows=[],
        energy=EnergyBreakdown(),
        account=EnergyAccount(Unmetered().trace()),
        phases=[Phase(name="baseline_idle", start_unix_ns=0, end_unix_ns=10**9)],
        interference=Interference(before=OtherLoad(gpus=(CARD,))),
        engine_ran_before=ran_before,
    )
    return {warning.code for warning in run_warnings(inputs)} & CODES


def test_the_baseline_of_a_running_server_is_that_of_a_loaded_model() -> None:
    assert codes(ran_before=True) == {"baseline_has_server"}


def test_memory_that_others_hold_before_the_load_is_a_warning() -> None:
    assert codes(ran_before=False) == {"gpu_memory_taken"}
