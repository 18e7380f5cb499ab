"""One sensor that fails costs itself only; what is left out is said, in `llem doctor` and in the result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.config.models import EnergyConfig, ExperimentConfig
from llenergymeasure.core.nvidia.visible import UNLIKE_GPUS
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.trace import Channel, EnergyTrace, LeftOut, sample_dtype
from llenergymeasure.metrics.checks.energy_source import (
    check_every_sensor_is_read,
    check_the_right_gpus_are_read,
)
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.energy.account import EnergyAccount
from tests.simulators.nvml.machine import GPU_IS_LOST, Fault, NvmlMachine, SimulatedGpu
from tests.simulators.powercap import PowercapTree, Zone, build_tree
from tests.support.simulator_fixtures import NvmlSimulator

TREE = PowercapTree(
    zones=(
        Zone(name="package-0", children=(Zone(name="dram"),)),
        Zone(name="package-1", start_uj=9, children=(Zone(name="dram", start_uj=11),)),
        Zone(name="psys", start_uj=5),
    )
)
FAULTS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "psys without a counter": ("intel-rapl:2", lambda zone: (zone / "energy_uj").unlink(), "psys"),
    "empty memory": ("intel-rapl:0:0", lambda zone: (zone / "energy_uj").write_text(""), "dram-0"),
    "garbage": ("intel-rapl:1", lambda zone: (zone / "energy_uj").write_text("n/a\n"), "package-1"),
    "a folder": (
        "intel-rapl:1",
        lambda zone: ((zone / "energy_uj").unlink(), (zone / "energy_uj").mkdir()),
        "package-1",
    ),
    "no name": ("intel-rapl:1", lambda zone: (zone / "name").unlink(), "intel-rapl:1"),
}


def _llem(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


def _meter(name: str, environ: dict[str, str]) -> dict[str, Any]:
    done = _llem("doctor", "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    (finding,) = [each for each in json.loads(done.stdout)["meters"] if each["name"] == name]
    return finding


@pytest.mark.parametrize("fault", FAULTS)
def test_one_zone_without_a_value_leaves_the_others(tmp_path: Path, fault: str) -> None:
    zone, spoil, name = FAULTS[fault]
    build_tree(TREE, tmp_path)
    root = tmp_path / "class" / "powercap"
    spoil((root / zone).resolve())
    finding = _meter("rapl", {**os.environ, "LLEM_POWERCAP_DIR": str(root)})
    assert finding["available"], finding["reason"]
    assert "package-0" in [each["device"] for each in finding["channels"]]
    left_out = [LeftOut.model_validate(each) for each in finding["left_out"]]
    assert f"rapl:{name}" in [each.short_name for each in left_out]
    assert all(each.reason for each in left_out)


@pytest.mark.simulator
def test_a_gpu_that_does_not_answer_leaves_the_others(nvml_simulator: NvmlSimulator) -> None:
    dead = SimulatedGpu(uuid="GPU-dead", faults=(Fault(call="all", code=GPU_IS_LOST),))
    finding = _meter("nvml", nvml_simulator(NvmlMachine(gpus=(SimulatedGpu(), dead))))
    assert [each["device"] for each in finding["channels"]] == [SimulatedGpu().uuid]
    (left_out,) = finding["left_out"]
    assert left_out["ordinal"] == 1


@pytest.mark.simulator
def test_a_dead_gpu_that_is_named_by_its_uuid_is_dead_and_not_hidden(nvml_simulator: NvmlSimulator) -> None:
    dead = SimulatedGpu(uuid="GPU-dead0000", faults=(Fault(call="all", code=GPU_IS_LOST),))
    machine = NvmlMachine(gpus=(SimulatedGpu(), dead))
    alone = _meter("nvml", nvml_simulator(machine, CUDA_VISIBLE_DEVICES="GPU-dead0000"))
    assert "the card does not answer" in alone["reason"]
    first = _meter(
        "nvml", nvml_simulator(machine, CUDA_VISIBLE_DEVICES=f"GPU-dead0000,{SimulatedGpu().uuid}")
    )
    assert [(each["device"], each["ordinal"]) for each in first["channels"]] == [(SimulatedGpu().uuid, 1)]
    assert [(each["label"], each["ordinal"]) for each in first["left_out"]] == [
        ("GPU 1 (does not answer)", 0)
    ]


@pytest.mark.simulator
def test_a_uuid_of_no_card_is_told_as_such(nvml_simulator: NvmlSimulator) -> None:
    finding = _meter("nvml", nvml_simulator(NvmlMachine(), CUDA_VISIBLE_DEVICES="GPU-0ther"))
    assert "begins with GPU-0ther, which names no GPU of this machine" in finding["reason"]


def _channel(device: str, domain: str) -> Channel:
    return Channel.model_validate(
        {"meter": "rapl", "domain": domain, "device": device, "label": device, "method": "counter"}
        | {"update_period_s": 0.001}
    )


def _account(*slopes_w: float) -> EnergyAccount:
    """Two seconds of a package and its memory, of these powers."""
    channels = [_channel("package-0", "cpu"), _channel("package-0/dram", "dram")]
    tables = [_samples(slope_w, index) for index, slope_w in enumerate(slopes_w)]
    return EnergyAccount(EnergyTrace(channels=channels, by_channel=tables))


def _samples(slope_w: float, channel: int = 0) -> NDArray[Any]:
    rows = np.zeros(41, dtype=sample_dtype())
    rows["channel"], rows["t_unix_ns"] = channel, np.arange(41) * 50_000_000
    rows["energy_j"], rows["power_w"] = 7 + slope_w * np.arange(41) * 0.05, np.nan
    return rows


def _warnings(device: str = "cuda", account: EnergyAccount | None = None, **inputs: Any) -> dict[str, str]:
    config = ExperimentConfig.model_validate({"model": "m", "device": device})
    given = CheckInputs(
        config=config,
        rows=(),
        energy=None,  # type: ignore[arg-type] - not looked at
        account=account or _account(40.0, 2.0),
        **inputs,
    )
    return {each.code: each.severity for each in check_every_sensor_is_read(given)}


def test_memory_that_never_moves_is_absent_and_not_unknown() -> None:
    account = _account(40.0, 0.0)
    assert [each.channel.device for each in account.included] == ["package-0"]
    assert _warnings(account=account) == {"sensor_left_out": "warning"}


def test_counters_that_all_stand_still_stay_unknown() -> None:
    assert len(_account(0.0, 0.0).included) == 2


def _lost(domain: str, **fields: Any) -> LeftOut:
    return LeftOut.model_validate(
        {"meter": "any", "domain": domain, "device": "x", "label": "X", "reason": "it is gone", **fields}
    )


def _on(*devices: str) -> ModelInfo:
    return ModelInfo(
        name="m", architecture="M", n_parameters=1, n_matmul_parameters=1, dtype="float32", devices=devices
    )


def test_what_is_left_out_is_as_severe_as_what_is_missing() -> None:
    assert _warnings(left_out=[_lost("cpu")]) == {"sensor_left_out": "warning"}
    assert _warnings("cpu", left_out=[_lost("cpu")]) == {"compute_device_not_metered": "invalid"}
    assert _warnings(left_out=[_lost("system", included_in_total=False)]) == {"sensor_left_out": "info"}
    assert _warnings(left_out=[_lost("dram", by_choice=True)]) == {"sensor_excluded": "info"}
    unused = {"left_out": [_lost("gpu", ordinal=1)], "model_info": _on("cuda:0")}
    assert _warnings(**unused) == {"sensor_left_out": "warning"}
    used = {"left_out": [_lost("gpu", ordinal=1)], "model_info": _on("cuda:0", "cuda:1")}
    assert _warnings(**used) == {"compute_device_not_metered": "invalid"}
    excluded = {"left_out": [_lost("gpu", ordinal=1, by_choice=True)], "model_info": _on("cuda:0")}
    assert _warnings(**excluded) == {"sensor_excluded": "info"}


def _gpu_warnings(note: str | None = None, ran_on: str | None = None, **fields: Any) -> dict[str, str]:
    """Return the warnings of a run on `cuda:0`, the card `ran_on`, of which the meter read GPU-a."""
    given = {"domain": "gpu", "device": "GPU-a", "label": "GPU 0", "note": note, **fields}
    channel = _channel("x", "gpu").model_copy(update=given)
    info = _on("cuda:0").model_copy(update={"gpu_uuids": {"cuda:0": ran_on} if ran_on else {}})
    inputs = CheckInputs(
        config=ExperimentConfig(model="m", device="cuda"),
        rows=(),
        energy=None,  # type: ignore[arg-type] - not looked at
        account=EnergyAccount(EnergyTrace(channels=[channel], by_channel=[_samples(40.0)])),
        model_info=info,
    )
    return {each.code: each.severity for each in check_the_right_gpus_are_read(inputs)}


def test_a_model_on_another_card_than_the_metered_one_has_no_valid_energy() -> None:
    assert _gpu_warnings(ran_on="GPU-b") == {"compute_device_not_metered": "invalid"}
    assert _gpu_warnings(ran_on="GPU-a", note=UNLIKE_GPUS) == {}
    assert _gpu_warnings(ran_on="GPU-b", scope="shared_card") == {}  # the UUID of an instance
    assert _gpu_warnings(ran_on="GPU-b", device="soc/gpu") == {}


def test_unlike_cards_by_number_are_in_doubt_where_the_backend_does_not_say_which_it_uses() -> None:
    assert _gpu_warnings(note=f"the whole card; {UNLIKE_GPUS}") == {"gpu_order_uncertain": "warning"}
    assert _gpu_warnings() == {}


def test_cards_are_matched_by_uuid_where_the_numbers_of_cuda_are_its_own() -> None:
    ran_on_b = _on("cuda:0").model_copy(update={"gpu_uuids": {"cuda:0": "GPU-b"}})
    unread = [_lost("gpu", ordinal=0).model_copy(update={"device": "GPU-a"})]
    assert _warnings(left_out=unread, model_info=ran_on_b) == {"sensor_left_out": "warning"}
    unread = [_lost("gpu", ordinal=1).model_copy(update={"device": "GPU-b"})]
    assert _warnings(left_out=unread, model_info=ran_on_b) == {"compute_device_not_metered": "invalid"}


def test_an_excluded_sensor_must_exist(tmp_path: Path) -> None:
    build_tree(TREE, tmp_path)
    environ = {**os.environ, "LLEM_POWERCAP_DIR": str(tmp_path / "class" / "powercap")}
    run = ("run", "--model", str(tmp_path), "--device", "cpu", "--set", "energy.meters=rapl", "--dry-run")
    done = _llem(*run, "--set", "energy.exclude=[rapl:dram-7]", environ=environ)
    assert "no sensor is called 'rapl:dram-7'; this machine has rapl:dram-0" in done.stderr
    done = _llem(*run, "--set", "energy.exclude=[rapl:dram-1]", environ=environ)
    assert "energy.exclude" not in done.stderr


def test_what_is_excluded_is_part_of_what_is_measured() -> None:
    plain = ExperimentConfig(model="m")
    excluding = ExperimentConfig(model="m", energy=EnergyConfig(exclude=("rapl:dram-0",)))
    assert plain.config_hash != excluding.config_hash
