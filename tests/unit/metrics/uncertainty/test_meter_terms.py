"""Systematic errors: boards of a machine share a part of them, and an offset counts at every power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llenergymeasure.core.nvidia.nvml import Gpu
from llenergymeasure.domain.trace import Channel
from llenergymeasure.meters.gpu_choice import ERROR_IN_COMMON, OFFSET_ERROR_W, RELATIVE_ERROR, gpu_channel
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.uncertainty.explanations import explain_gain
from llenergymeasure.metrics.uncertainty.meter_terms import combine_gains, combine_uncertainty
from tests.simulators.signals import Constant
from tests.support.simulated_power import COUNTERS, read
from tests.support.synthetic import ns


def boards(count: int, **fields: Any) -> list[Channel]:
    named = {"meter": "nvml", "domain": "gpu", "method": "counter", "relative_error": 0.05}
    common = {**named, "error_in_common": 0.8, **fields}
    return [Channel(**common, device=f"GPU-{at}", label=f"GPU {at}") for at in range(count)]


def combined(channels: list[Channel], energy_j: float = 1000.0) -> float:
    """Return the relative half-width of the sum of boards that used the same."""
    half_j = combine_gains((each, each.relative_error * energy_j) for each in channels)
    return half_j / (len(channels) * energy_j)


def test_the_gain_of_one_board_is_as_stated() -> None:
    assert combined(boards(1)) == pytest.approx(0.05)


@pytest.mark.parametrize("count", [2, 8])
def test_boards_of_a_machine_err_in_part_alike(count: int) -> None:
    together = combined(boards(count))
    assert together == pytest.approx(math.hypot(0.04, 0.03 / math.sqrt(count)))
    assert 0.04 < together < 0.05


def test_boards_that_were_calibrated_one_by_one_err_independently() -> None:
    assert combined(boards(4, error_in_common=0.0)) == pytest.approx(0.05 / 2)


def test_windows_of_a_board_err_alike() -> None:
    (board,) = boards(1)
    assert combine_gains([(board, 50.0)] * 3) == pytest.approx(150.0)


def test_packages_of_a_processor_err_alike() -> None:
    packages = boards(2, domain="cpu", meter="rapl", error_in_common=0.0)
    assert combined(packages) == pytest.approx(0.05)


@pytest.mark.parametrize(("watts", "half_width_w"), [(20.0, 5.1), (300.0, 15.8)])
def test_an_offset_counts_at_every_power(watts: float, half_width_w: float) -> None:
    trace = read(
        COUNTERS["a100"],
        Constant(watts),
        8.0,
        np.random.default_rng(1),
        relative_error=RELATIVE_ERROR,
        offset_error_w=OFFSET_ERROR_W,
        error_in_common=ERROR_IN_COMMON,
    )
    found = EnergyAccount(trace).uncertainties(np.array([ns(2.0)]), np.array([ns(6.0)]))[0].at(0)
    assert found is not None
    assert combine_uncertainty([found]).gain_j / 4.0 == pytest.approx(half_width_w, abs=0.1)
    assert trace.channels[0].systematic_error_w(watts) == pytest.approx(half_width_w, abs=0.1)


def test_a_card_states_gain_offset_and_what_boards_share() -> None:
    channel = gpu_channel(
        "nvml", Gpu(index=0, uuid="GPU-1", name="NVIDIA A100", pci_bus_id="00000000:17:00.0"), True
    )
    assert (channel.relative_error, channel.offset_error_w, channel.error_in_common) == (0.05, 5.0, 0.8)


def test_the_source_names_offset_and_common_part() -> None:
    one, several = boards(1, offset_error_w=5.0), boards(3, offset_error_w=5.0)
    assert explain_gain(one).endswith(": ±5 % and ±5 W of GPU 0")
    assert explain_gain(several).endswith(
        ": ±5 % and ±5 W of each of 3 GPUs (of which 80 % may have one sign in all)"
    )
