"""The NVML meter on simulated cards: what it opens, what it reads, how it fails."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from llenergymeasure.meters.base import MeterOptions
from tests.simulators.nvml.machine import (
    DRIVER_NOT_LOADED,
    GPU_IS_LOST,
    NO_DATA,
    NO_PERMISSION,
    NOT_SUPPORTED,
    UNKNOWN,
    VERSION_MISMATCH,
    EnergyCounter,
    Fault,
    MigDevice,
    NvmlMachine,
    SimulatedGpu,
    Throttle,
)
from tests.simulators.nvml.profiles import a100, h100, v100
from tests.simulators.signals import Constant, Square
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

pytestmark = pytest.mark.simulator

FIRST = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650"
SECOND = "GPU-0b9d4c31-77aa-4f52-9e1b-c4d85a7f1e02"
SLICE = MigDevice(uuid="MIG-3b9e1f52-64c0-5d7a-9a1b-0c2d3e4f5a6b")

METER = """
    import json, sys, time
    from llenergymeasure.exceptions import MeterError
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.nvml.meter import NvmlMeter
    from llenergymeasure.meters.probing import probe_meter

    options = MeterOptions.model_validate_json(sys.argv[1])
    status = probe_meter(NvmlMeter(), options, with_readings=True)
    meter, channels, samples, failure, offset = NvmlMeter(), [], [], None, time.time_ns() - time.monotonic_ns()
    try:
        channels = meter.open(options)
        for _ in range(int(sys.argv[2])):
            samples += meter.read(offset)
            time.sleep(meter.period_s)
    except MeterError as error:
        failure = str(error)
    meter.close()
    meter.close()
    print(json.dumps({
        "channels": [channel.model_dump() for channel in channels],
        "samples": [sample._asdict() for sample in samples],
        "failure": failure,
        "period_s": meter.period_s,
        "status": {
            "available": status.available, "channels": len(status.channels), "readings": status.readings,
            "reason": status.reason, "remedy": status.remedy,
            "left_out": [each.model_dump() for each in status.left_out],
        },
    }))
"""


@pytest.fixture
def run_meter(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> Any:
    """A function `(machine or cards, reads, options, **environment)` that probes, opens and reads the meter."""

    def run(
        *gpus: SimulatedGpu,
        machine: NvmlMachine | None = None,
        reads: int = 1,
        options: MeterOptions | None = None,
        **variables: str,
    ) -> Any:
        environment = nvml_simulator(machine or NvmlMachine(gpus=gpus), **variables)
        return child_json(METER, environment, (options or MeterOptions()).model_dump_json(), str(reads))

    return run


def known(samples: list[dict[str, Any]], field: str) -> list[float]:
    return [sample[field] for sample in samples if not math.isnan(sample[field])]


def test_a_card_with_a_counter_gives_energy_and_power_in_every_sample(run_meter: Any) -> None:
    machine = NvmlMachine(gpus=(h100(power=Constant(300.0), counter=EnergyCounter(period_s=0.001)),))
    outcome = run_meter(machine=machine, reads=30)
    (channel,) = outcome["channels"]
    assert channel["device"] == FIRST
    assert channel["label"] == "GPU 0 (NVIDIA H100 80GB HBM3)"
    assert (channel["method"], channel["domain"], channel["scope"]) == ("counter", "gpu", "device")
    assert channel["note"] == f"read through {channel['read_from']}, not the system's NVML"
    first, *_, last = outcome["samples"]
    truth = machine.true_energy_j(0, first["t_unix_ns"], last["t_unix_ns"])
    assert last["energy_j"] - first["energy_j"] == pytest.approx(truth, abs=6.0)  # 20 ms at 300 W
    assert {sample["power_w"] for sample in outcome["samples"]} == {300.0}
    assert {sample["error"] for sample in outcome["samples"]} == {0}


def test_samples_are_stamped_on_the_given_clock(run_meter: Any) -> None:
    before = time.time_ns()
    samples = run_meter(h100(), reads=3)["samples"]
    assert (
        before < samples[0]["t_unix_ns"] < samples[1]["t_unix_ns"] < samples[2]["t_unix_ns"] < time.time_ns()
    )


def test_state_is_read_on_every_tenth_reading_in_turn(run_meter: Any) -> None:
    second = a100(uuid=SECOND, pci_bus=0x65, throttle=Throttle(mask=0x4), temperature=Constant(61.0))
    samples = run_meter(h100(), second, reads=20)["samples"]
    each = [[sample for sample in samples if sample["channel"] == index] for index in (0, 1)]
    for of_card, celsius in zip(each, (52.0, 61.0), strict=True):
        assert known(of_card, "temperature_c") == [celsius, celsius]
        assert known(of_card, "sm_clock_mhz") == [1755.0, 1755.0]
        assert known(of_card, "utilisation_pct") == [87.0, 87.0]
    assert {sample["throttle_reasons"] for sample in each[1]} == {-1, 4}
    stamped = [sample["t_unix_ns"] for sample in samples if not math.isnan(sample["temperature_c"])]
    assert len(set(stamped)) == 4


def test_a_card_without_a_counter_is_sampled(run_meter: Any) -> None:
    outcome = run_meter(v100(counter=None, power=Constant(123.0)), reads=2)
    (channel,) = outcome["channels"]
    assert channel["method"] == "sampled"
    assert channel["note"].startswith("no energy counter: integrated from power readings")
    assert [sample["power_w"] for sample in outcome["samples"]] == [123.0, 123.0]
    assert known(outcome["samples"], "energy_j") == []


def test_a_counter_that_stays_zero_is_no_counter(run_meter: Any) -> None:
    blank = Fault(call="energy", code=0)
    assert run_meter(h100(faults=(blank,)))["channels"][0]["method"] == "sampled"


def test_a_counter_that_fails_once_at_the_start_is_still_used(run_meter: Any) -> None:
    now_and_then = Fault(call="energy", code=UNKNOWN, every=4)
    assert run_meter(h100(faults=(now_and_then,)))["channels"][0]["method"] == "counter"


def test_instant_power_is_preferred_to_the_mean_over_a_second(run_meter: Any) -> None:
    power = Square(low=100.0, high=600.0, period_s=1.0)
    readings = {sample["power_w"] for sample in run_meter(h100(power=power), reads=25)["samples"]}
    assert readings <= {100.0, 600.0}  # the mean over a second would always be 350 W


def test_a_card_that_tells_nothing_is_left_out_by_name(run_meter: Any) -> None:
    unlike = (h100(), a100(uuid=SECOND, counter=None, usage=None))
    outcome = run_meter(*unlike, CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert len(outcome["channels"]) == 1
    (left_out,) = outcome["status"]["left_out"]
    assert (left_out["device"], left_out["ordinal"]) == (SECOND, 1)
    assert run_meter(*unlike)["status"]["left_out"][0]["ordinal"] is None  # CUDA may number them otherwise
    assert "reports neither energy nor power" in left_out["reason"]


def test_a_card_that_tells_nothing_is_refused_where_it_is_the_only_one(run_meter: Any) -> None:
    outcome = run_meter(a100(counter=None, usage=None))
    assert "GPU 0 (NVIDIA A100-SXM4-80GB) reports neither energy nor power" in outcome["failure"]
    assert not outcome["status"]["available"]
    assert "CUDA_VISIBLE_DEVICES" in outcome["status"]["remedy"]


def test_a_read_that_fails_is_a_sample_with_the_code(run_meter: Any) -> None:
    every_third = Fault(call="energy", code=UNKNOWN, start_s=0.0, every=3)
    samples = run_meter(h100(faults=(every_third,)), reads=6)["samples"]
    failed = [sample for sample in samples if sample["error"]]
    assert {sample["error"] for sample in failed} == {UNKNOWN}
    assert 1 <= len(failed) <= 3
    assert known(failed, "energy_j") == []
    assert len(known(failed, "power_w")) == len(failed)


def test_blank_readings_are_errors_and_never_zero(run_meter: Any) -> None:
    blanks = (Fault(call="power", code=0, every=2), Fault(call="energy", code=NOT_SUPPORTED))
    samples = run_meter(v100(faults=blanks), reads=6)["samples"]
    assert {sample["error"] for sample in samples} == {0, NO_DATA}
    assert 0.0 not in known(samples, "power_w")


def test_a_lost_card_keeps_saying_so_and_the_others_go_on(run_meter: Any) -> None:
    lost = h100(faults=(Fault(call="energy", code=GPU_IS_LOST, after_calls=5),))
    samples = run_meter(lost, h100(uuid=SECOND, pci_bus=0x65), reads=8)["samples"]
    errors = [sample["error"] for sample in samples if sample["channel"] == 0]
    assert errors[0] == 0
    assert errors[-3:] == [GPU_IS_LOST] * 3
    assert {sample["error"] for sample in samples if sample["channel"] == 1} == {0}


def test_only_visible_cards_are_opened_in_cudas_order(run_meter: Any) -> None:
    gpus = tuple(h100(uuid=f"GPU-{n:08x}-1111-4222-8333-444444444444", pci_bus=n + 1) for n in range(4))
    outcome = run_meter(*gpus, CUDA_VISIBLE_DEVICES="2,GPU-00000000")
    assert [channel["label"][:5] for channel in outcome["channels"]] == ["GPU 2", "GPU 0"]


def test_asked_for_cards_need_not_be_visible(run_meter: Any) -> None:
    options = MeterOptions(gpu_uuids=(SECOND,))
    outcome = run_meter(h100(), h100(uuid=SECOND), options=options, CUDA_VISIBLE_DEVICES="0")
    assert [channel["device"] for channel in outcome["channels"]] == [SECOND]
    missing = run_meter(h100(), options=options)
    assert f"there is no GPU {SECOND}" in missing["failure"]


def test_a_mig_slice_is_metered_as_its_whole_card_and_says_so(run_meter: Any) -> None:
    outcome = run_meter(a100(mig=True, mig_devices=(SLICE,)), CUDA_VISIBLE_DEVICES=SLICE.uuid)
    (channel,) = outcome["channels"]
    assert channel["device"] == FIRST
    assert "whole card" in channel["note"]
    assert channel["scope"] == "shared_card"


def test_a_virtual_gpu_says_so(run_meter: Any) -> None:
    (channel,) = run_meter(a100(virtualization=2))["channels"]
    assert "virtual GPU" in channel["note"]
    assert channel["scope"] == "shared_card"


def test_unlike_cards_chosen_by_number_carry_a_caveat(run_meter: Any) -> None:
    unlike = (v100(), h100(uuid=SECOND, pci_bus=0x65))
    assert "CUDA_DEVICE_ORDER" in run_meter(*unlike, CUDA_VISIBLE_DEVICES="0")["channels"][0]["note"]
    ordered = run_meter(*unlike, CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert "CUDA_DEVICE_ORDER" not in ordered["channels"][0]["note"]


def test_probe_shows_a_live_reading_of_each_card(run_meter: Any) -> None:
    no_power = h100(uuid=SECOND, usage=None, instant=None, pci_bus=0x65)
    status = run_meter(h100(power=Constant(61.25)), no_power)["status"]
    assert status["available"]
    assert status["channels"] == 2
    assert status["readings"][0] == "61.2 W"
    assert " J in 0." in status["readings"][1]


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        (DRIVER_NOT_LOADED, "not loaded", "modprobe nvidia"),
        (NO_PERMISSION, "no permission", "/dev/nvidia"),
        (VERSION_MISMATCH, "different versions", "reboot"),
    ],
)
def test_a_driver_that_does_not_start_gives_reason_and_remedy(
    run_meter: Any, code: int, reason: str, remedy: str
) -> None:
    outcome = run_meter(machine=NvmlMachine(init_error=code))
    assert reason in outcome["status"]["reason"]
    assert remedy in outcome["status"]["remedy"]
    assert reason in outcome["failure"]
    assert remedy in outcome["failure"]


def test_hidden_cards_are_no_missing_cards(run_meter: Any) -> None:
    status = run_meter(h100(), CUDA_VISIBLE_DEVICES="")["status"]
    assert status["reason"] == "CUDA_VISIBLE_DEVICES='' hides all 1 GPUs of this machine"
    assert status["remedy"] == "unset CUDA_VISIBLE_DEVICES"


def test_a_driver_without_cards_has_nothing_to_meter(run_meter: Any) -> None:
    status = run_meter(machine=NvmlMachine(gpus=()))["status"]
    assert status["reason"] == "the NVIDIA driver shows no GPU"


@pytest.mark.parametrize(
    ("card", "averaging_window_s"),
    [
        (v100(), 0.01),
        (a100(), 0.025),
        (h100(), 0.025),
        (h100(instant=None), 1.0),
        (h100(capability=(8, 9), instant=None, counter=None), 0.1),
        (a100(capability=(7, 5), counter=None), 0.1),
        (a100(capability=(12, 0), counter=None), 1.0),
        (a100(counter=None), 0.025),
        (h100(counter=None), 1.0),
    ],
)
def test_a_channel_says_over_how_long_its_power_averages(
    run_meter: Any, card: SimulatedGpu, averaging_window_s: float | None
) -> None:
    assert run_meter(card)["channels"][0]["averaging_window_s"] == averaging_window_s


def test_the_mean_over_a_second_is_preferred_where_energy_rests_on_it(run_meter: Any) -> None:
    power = Square(low=100.0, high=600.0, period_s=1.0)
    samples = run_meter(h100(power=power, counter=None), reads=25)["samples"]
    assert {sample["power_w"] for sample in samples} == {350.0}


@pytest.mark.parametrize(
    ("cards", "period_s"),
    [
        ((v100(),), 0.02),
        ((a100(counter=None),), 0.02),
        ((a100(), v100(uuid=SECOND, capability=(6, 0), counter=None)), 0.01),
    ],
)
def test_power_that_is_published_fast_is_read_fast_where_energy_rests_on_it(
    run_meter: Any, cards: tuple[SimulatedGpu, ...], period_s: float
) -> None:
    assert run_meter(*cards)["period_s"] == period_s
