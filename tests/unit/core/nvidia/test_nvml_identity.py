"""CUDA_VISIBLE_DEVICES names the cards that CUDA would use, in every form it has."""

from __future__ import annotations

import os
import sys

import pytest

from llenergymeasure.core.nvidia.nvml import Gpu, session
from llenergymeasure.core.nvidia.visible import is_order_known, ordinal_caveat, select_visible
from llenergymeasure.exceptions import MeterUnavailable
from tests.simulators.nvml.machine import GPU_IS_LOST, Fault, MigDevice, NvmlMachine
from tests.simulators.nvml.profiles import a100, h100
from tests.support.simulator_fixtures import ChildJson, NvmlSimulator

UUIDS = (
    "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
    "GPU-8932f937-0c55-9e3a-7b1d-6f7081923344",
    "GPU-5a1e77c0-3b0f-61d2-98e4-1a2b3c4d5e6f",
    "GPU-c0ffee12-7d44-4b6a-8f3e-0908070605a4",
    "GPU-01d0b2f8-9f2e-2a7c-b5a6-77aa66bb55cc",
    "GPU-f3a29b6d-4c1e-05d8-1b2c-3d4e5f607182",
    "GPU-7e6d5c4b-3a29-1807-f6e5-d4c3b2a19080",
    "GPU-2b4d6f81-a3c5-e7f9-0b1d-3f5172941638",
)
SLICES = ("MIG-0e6f8a12-2c4d-5b9e-8a7f-1f2e3d4c5b6a", "MIG-77e1c0d9-5a3b-52f4-9c8d-a0b1c2d3e4f5")
EIGHT = tuple(
    Gpu(
        index=index,
        uuid=uuid,
        name="NVIDIA H100 80GB HBM3",
        pci_bus_id=f"00000000:{0x10 + index:02X}:00.0",
        mig_enabled=index == 7,
        mig_uuids=SLICES if index == 7 else (),
    )
    for index, uuid in enumerate(UUIDS)
)


def visible(value: str | None) -> list[int]:
    environ = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    return [gpu.index for gpu in select_visible(EIGHT, environ)]


@pytest.mark.parametrize(
    ("value", "indices"),
    [
        pytest.param(None, [0, 1, 2, 3, 4, 5, 6, 7], id="unset means all"),
        pytest.param("", [], id="empty means none"),
        pytest.param("-1", [], id="minus one means none"),
        pytest.param("NoDevFiles", [], id="what schedulers set for none"),
        pytest.param("0,1", [0, 1], id="ordinals"),
        pytest.param("5,2,7", [5, 2, 7], id="in the order of the list"),
        pytest.param(" 3 , 1 ", [3, 1], id="with blanks"),
        pytest.param("1gpu,+2", [1, 2], id="ordinals as strtoul reads them"),
        pytest.param(UUIDS[4], [4], id="a full UUID"),
        pytest.param(f"{UUIDS[6]},{UUIDS[0]}", [6, 0], id="full UUIDs re-ordered"),
        pytest.param("GPU-5a1e", [2], id="the start of one UUID"),
        pytest.param("GPU-8932f937-0", [1], id="as much of it as tells two cards apart"),
        pytest.param("GPU-8932f937", [], id="a start that two cards share is no device"),
        pytest.param("GPU-C0FFEE12", [3], id="hexadecimal digits in either case"),
        pytest.param(f"0,{UUIDS[3]},2", [0, 3, 2], id="ordinals and UUIDs mixed"),
        pytest.param("0,2,-1,1", [0, 2], id="the list ends at minus one"),
        pytest.param("0,8,1", [0], id="the list ends at a card that is not there"),
        pytest.param("1,,2", [1], id="the list ends at an empty entry"),
        pytest.param("0,GPU-deadbeef,1", [0], id="the list ends at an unknown UUID"),
        pytest.param("3,all,1", [3], id="the list ends at a word"),
        pytest.param("1,1", [], id="a card named twice leaves none"),
        pytest.param(f"0,{UUIDS[0]}", [], id="also when named in two ways"),
        pytest.param(SLICES[1], [7], id="a MIG instance is metered as its card"),
        pytest.param(f"{SLICES[0]},{SLICES[1]}", [7], id="two instances of a card are one card"),
        pytest.param(f"MIG-{UUIDS[5]}/2/0", [5], id="the old form of a MIG instance"),
        pytest.param(f"MIG-{UUIDS[5]}/2/0,MIG-{UUIDS[5]}/3/0,1", [5, 1], id="old forms of one card"),
        pytest.param("MIG-GPU-deadbeef-0000-0000-0000-000000000000/1/0", [], id="an old form without card"),
        pytest.param(f"{SLICES[0]},{UUIDS[2]},0", [7, 2, 0], id="all forms mixed"),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(value: str | None, indices: list[int]) -> None:
    assert visible(value) == indices


def test_ordinals_are_in_doubt_only_between_unlike_cards_in_cudas_own_order() -> None:
    unlike = (*EIGHT[:1], Gpu(index=1, uuid=UUIDS[1], name="NVIDIA L4", pci_bus_id="00000000:65:00.0"))
    by_number = {"CUDA_VISIBLE_DEVICES": "0"}
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in (ordinal_caveat(unlike, by_number) or "")
    assert ordinal_caveat(EIGHT, by_number) is None
    assert ordinal_caveat(unlike, {"CUDA_VISIBLE_DEVICES": UUIDS[1]}) is None
    assert ordinal_caveat(unlike, {**by_number, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) is None
    assert ordinal_caveat(unlike, {}) is None


def test_cuda_numbers_are_known_between_like_cards_and_by_uuid_or_bus() -> None:
    unlike = (*EIGHT[:1], Gpu(index=1, uuid=UUIDS[1], name="NVIDIA L4", pci_bus_id="00000000:65:00.0"))
    assert is_order_known(EIGHT, {})
    assert not is_order_known(unlike, {})
    assert not is_order_known(unlike, {"CUDA_VISIBLE_DEVICES": f"{UUIDS[0]},1"})
    assert is_order_known(unlike, {"CUDA_VISIBLE_DEVICES": f"{UUIDS[1]},{UUIDS[0]}"})
    assert is_order_known(unlike, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})


def test_a_uuid_that_no_card_answers_to_is_that_of_a_card_which_does_not_answer() -> None:
    silent = [
        Gpu(index=index, uuid=f"nvidia-{index}", name="does not answer", pci_bus_id="", fault="lost")
        for index in (1, 2)
    ]

    def chosen(value: str) -> list[int]:
        cards = (EIGHT[0], *silent)
        return [gpu.index for gpu in select_visible(cards, {"CUDA_VISIBLE_DEVICES": value})]

    assert chosen(f"{UUIDS[3]},{UUIDS[4]},{UUIDS[0]}") == [1, 2, 0]
    assert chosen(f"{UUIDS[3]},{UUIDS[4]},{UUIDS[5]},{UUIDS[0]}") == [1, 2]  # the third names none
    assert chosen("2,0") == [2, 0]


LIST = """
    import json
    from dataclasses import asdict
    from llenergymeasure.core.nvidia.nvml import list_gpus, visible_gpus
    print(json.dumps([[asdict(gpu) for gpu in list_gpus()], [gpu.index for gpu in visible_gpus()]]))
"""


@pytest.mark.simulator
def test_cards_of_the_machine_and_of_the_process(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    plain = [h100(uuid=uuid, pci_bus=0x10 + index) for index, uuid in enumerate(UUIDS[:7])]
    cut = a100(uuid=UUIDS[7], pci_bus=0x17, mig=True, mig_devices=tuple(MigDevice(uuid=u) for u in SLICES))
    environment = nvml_simulator(
        NvmlMachine(gpus=(*plain, cut)), CUDA_VISIBLE_DEVICES=f"{SLICES[1]},{UUIDS[3]},0"
    )
    gpus, chosen = child_json(LIST, environment)
    assert [gpu["uuid"] for gpu in gpus] == list(UUIDS)
    assert gpus[0]["pci_bus_id"] == "00000000:10:00.0"
    assert gpus[7]["mig_enabled"]
    assert gpus[7]["mig_uuids"] == list(SLICES)
    assert chosen == [7, 3, 0]


@pytest.mark.simulator
def test_a_card_that_does_not_answer_is_left_out(
    nvml_simulator: NvmlSimulator, child_json: ChildJson
) -> None:
    lost = h100(uuid=UUIDS[1], faults=(Fault(call="handle", code=GPU_IS_LOST),))
    gpus, chosen = child_json(LIST, nvml_simulator(NvmlMachine(gpus=(h100(uuid=UUIDS[0]), lost))))
    assert [gpu["uuid"] for gpu in gpus] == [UUIDS[0]]
    assert chosen == [0]


@pytest.mark.simulator
def test_sessions_nest_and_let_errors_through(nvml_simulator: NvmlSimulator, child_json: ChildJson) -> None:
    code = """
        import json
        from llenergymeasure.core.nvidia import nvml
        from llenergymeasure.exceptions import MeterUnavailable
        seen = []
        try:
            with nvml.session() as outer:
                with nvml.session():
                    seen.append(len(nvml.list_gpus()))
                seen.append(outer.nvmlDeviceGetCount())
                raise KeyError("from the body")
        except KeyError as error:
            seen.append(error.args[0])
        try:
            outer.nvmlDeviceGetCount()
        except outer.NVMLError as error:
            seen.append(error.value)
        print(json.dumps(seen))
    """
    assert child_json(code, nvml_simulator(NvmlMachine())) == [1, 1, "from the body", 1]


def test_a_missing_library_is_named_with_its_remedy(child_json: ChildJson) -> None:
    code = """
        import json
        from llenergymeasure.core.nvidia import nvml
        from llenergymeasure.exceptions import MeterUnavailable
        def missing(name, *arguments, **keywords):
            raise OSError(f"{name}: cannot open shared object file")
        import pynvml
        pynvml.CDLL = missing
        try:
            nvml.list_gpus()
        except MeterUnavailable as error:
            print(json.dumps([error.reason, error.remedy]))
    """
    reason, remedy = child_json(code, dict(os.environ))
    assert "libnvidia-ml.so.1 was not found" in reason
    assert "install the NVIDIA driver" in remedy


def test_a_missing_binding_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MeterUnavailable) as raised, session():
        pass
    assert raised.value.remedy == "pip install nvidia-ml-py"
