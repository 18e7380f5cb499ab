"""The label of a phase and its rule."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.metrics.performance.roofline.bound import NEAR_A_ROOF, PhaseUse, what_bounds

H100_RIDGE = 989.5e12 / 3.35e12


def use(**fields: Any) -> PhaseUse:
    usual = {
        "mfu": 0.5,
        "mbu": 0.1,
        "intensity_flop_per_byte": 1000.0,
        "ridge_flop_per_byte": H100_RIDGE,
    }
    return PhaseUse(**{**usual, **fields})


def test_many_flops_per_byte_are_bound_by_arithmetic() -> None:
    bound, reason = what_bounds(use())
    assert bound == "compute"
    assert reason == "1000 FLOP per byte is at or above the ridge of 295 (MFU 50 %, MBU 10 %)"


def test_few_flops_per_byte_are_bound_by_memory() -> None:
    bound, reason = what_bounds(use(mfu=0.01, mbu=0.6, intensity_flop_per_byte=1.5))
    assert bound == "memory"
    assert "1.5 FLOP per byte is below the ridge of 295" in reason


@pytest.mark.parametrize("intensity", [1.0, 1e4])
def test_a_phase_far_from_both_roofs_waits_for_its_host(intensity: float) -> None:
    far = NEAR_A_ROOF - 0.01
    assert what_bounds(use(mfu=far, mbu=far, intensity_flop_per_byte=intensity))[0] == "host"
    assert what_bounds(use(mfu=NEAR_A_ROOF, mbu=far, intensity_flop_per_byte=1e4))[0] == "compute"


def test_sm_activity_decides_where_the_card_tells_it() -> None:
    """A card that is busy with slow kernels does not wait; one whose SMs idle does, whatever the shares."""
    slow_kernels = use(mfu=0.01, mbu=0.1, intensity_flop_per_byte=2.0, sm_activity_pct=90.0)
    assert what_bounds(slow_kernels)[0] == "memory"
    bound, reason = what_bounds(use(mfu=0.3, sm_activity_pct=35.0))
    assert (bound, reason) == ("host", "the SMs had work for 35 % of the time (MFU 30 %, MBU 10 %)")


def test_cards_that_take_turns_do_not_wait_for_their_host() -> None:
    """Four cards with a quarter of the layers each: the one whose turn it is may be busy while three wait."""
    assert what_bounds(use(mfu=0.01, mbu=0.15, intensity_flop_per_byte=2.0, cards=4))[0] == "memory"
    assert what_bounds(use(mfu=0.01, mbu=0.05, intensity_flop_per_byte=2.0, cards=4))[0] == "host"
    busy = use(mfu=0.01, mbu=0.15, intensity_flop_per_byte=2.0, cards=4, sm_activity_pct=22.0)
    assert what_bounds(busy)[0] == "memory"
