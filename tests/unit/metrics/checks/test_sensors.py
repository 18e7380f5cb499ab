"""Every fault of a sensor ends in its warning or in an unknown energy, and no sound sensor is accused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llenergymeasure.domain.trace import sample_dtype
from tests.simulators.nvml import sensors as simulated
from tests.simulators.nvml.machine import SimulatedGpu
from tests.simulators.nvml.profiles import a100, h100, v100
from tests.simulators.signals import Constant, Square, Steps
from tests.support.sensor_judgement import END_S, WINDOWS, judge
from tests.support.synthetic import BASE_NS, ns, sample_times

LOAD = Steps(70.0, [(2.8, 300.0)])
WAVE = Square(low=80.0, high=420.0, period_s=0.73, phase_s=0.2)
GPU_IS_LOST, UNKNOWN, NO_DATA = 15, 999, 21

Change = Callable[[NDArray[Any]], None]


def recorded(
    card: SimulatedGpu, *, use_counter: bool = True, t_s: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the samples that a sampler takes of a card, its power from the `usage` sensor."""
    times_s = sample_times(END_S * 1.1) if t_s is None else t_s
    times_s = times_s[times_s < END_S]
    assert card.usage is not None
    samples = np.zeros(len(times_s), dtype=sample_dtype())
    samples["t_unix_ns"] = BASE_NS + np.round(times_s * 1e9).astype(np.int64)
    samples["power_w"] = [simulated.power_mw(card, card.usage, at) / 1e3 for at in times_s]
    samples["energy_j"] = np.nan
    if use_counter and card.counter is not None:
        samples["energy_j"] = [simulated.energy_mj(card, at) / 1e3 for at in times_s]
    return samples


def codes(samples: NDArray[Any], **channel: Any) -> list[str]:
    return [warning.code for warning in judge(samples, **channel)[0]]


@pytest.mark.parametrize("make", [v100, a100, h100])
@pytest.mark.parametrize("power", [Constant(310.0), LOAD, WAVE], ids=["constant", "load", "wave"])
def test_a_sound_card_gives_no_warning(make: Callable[..., SimulatedGpu], power: Any) -> None:
    averages_s = 1.0 if make is h100 else None
    assert codes(recorded(make(power=power, noise_w=1.0)), averaging_window_s=averages_s) == []


def test_a_steady_card_without_noise_is_not_called_stale() -> None:
    assert codes(recorded(a100(power=Constant(310.0)))) == []


def test_a_reset_within_a_window_is_named_and_its_energy_unknown() -> None:
    warnings, breakdown = judge(recorded(a100(power=LOAD, counter_reset_at_s=7.0)))
    assert [warning.code for warning in warnings] == ["energy_unknown", "counter_reset"]
    assert "within a window" in warnings[1].message
    assert breakdown.by_device[0].energy_j is None


def test_a_reset_between_the_windows_costs_nothing_but_is_said() -> None:
    warnings, breakdown = judge(recorded(v100(power=LOAD, counter_reset_at_s=6.25)))
    assert [warning.code for warning in warnings] == ["counter_reset"]
    assert "outside the windows" in warnings[0].message
    assert breakdown.by_device[0].energy_j == pytest.approx(2700.0, rel=1e-3)


def test_a_wrap_that_nobody_announced_is_a_reset_not_a_number() -> None:
    card = a100(power=LOAD, counter_wrap_mj=5_500_000.0)
    assert codes(recorded(card))[:2] == ["energy_unknown", "counter_reset"]


def test_a_counter_that_freezes_is_named_and_its_energy_unknown() -> None:
    warnings, breakdown = judge(recorded(a100(power=LOAD, counter_freeze_at_s=8.0)))
    assert [warning.code for warning in warnings] == ["energy_unknown", "counter_frozen"]
    assert breakdown.by_device[0].energy_j is None


@pytest.mark.parametrize(
    ("frozen_at_s", "said"), [(0.0, "does not move"), (None, "cannot be read")], ids=["frozen", "refused"]
)
def test_a_dead_counter_gives_way_to_the_power_and_the_choice_is_said(
    frozen_at_s: float | None, said: str
) -> None:
    card = v100(power=LOAD, noise_w=0.5, counter_freeze_at_s=0.0)
    samples = recorded(card, use_counter=frozen_at_s is not None)
    (warning,), breakdown = judge(samples, method="counter")
    assert (warning.code, warning.severity) == ("source_chosen", "info")
    assert said in warning.message
    assert breakdown.by_device[0].method == "sampled"
    assert breakdown.by_device[0].energy_j == pytest.approx(2700.0, rel=0.01)


def test_a_card_without_a_counter_says_where_its_energy_comes_from() -> None:
    (warning,), _ = judge(recorded(v100(power=LOAD, noise_w=0.5), use_counter=False))
    assert (warning.code, warning.severity) == ("source_chosen", "info")
    assert "has no energy counter" in warning.message


def test_a_stale_power_reading_beside_a_counter_is_named_and_the_energy_stays() -> None:
    card = a100(power=WAVE, noise_w=1.0, power_freeze_at_s=7.0)
    warnings, breakdown = judge(recorded(card))
    assert [warning.code for warning in warnings] == ["power_stale"]
    truth = sum(WAVE.integral(end) - WAVE.integral(start) for start, end in WINDOWS)
    assert breakdown.by_device[0].energy_j == pytest.approx(truth, rel=0.005)


@pytest.mark.parametrize("freezes_at_s", [0.0, 7.0])
def test_a_stale_power_reading_without_a_counter_is_never_silent(freezes_at_s: float) -> None:
    card = a100(power=WAVE, noise_w=1.0, power_freeze_at_s=freezes_at_s)
    assert "power_stale" in codes(recorded(card, use_counter=False))


@pytest.mark.parametrize("gain", [0.9, 1.1])
def test_a_counter_and_power_that_differ_under_load_are_named(gain: float) -> None:
    (warning,), _ = judge(recorded(a100(power=LOAD, noise_w=1.0, gain=gain)))
    assert warning.code == "counter_power_disagree"
    assert f"{gain - 1:+.1%}" in warning.message


def test_a_difference_within_three_percent_gives_no_warning() -> None:
    assert codes(recorded(a100(power=LOAD, noise_w=1.0, gain=1.02))) == []


def test_an_idle_card_may_contradict_itself() -> None:
    assert codes(recorded(a100(power=Constant(60.0), noise_w=1.0, offset_w=20.0))) == []


def test_what_a_part_time_sensor_misses_is_not_held_against_the_counter() -> None:
    for phase_s in np.linspace(0, 0.7, 8):
        wave = Square(low=80.0, high=420.0, period_s=0.7, phase_s=float(phase_s))
        assert codes(recorded(a100(power=wave, noise_w=1.0))) == []


def lose(samples: NDArray[Any]) -> None:
    gone = samples["t_unix_ns"] >= ns(8.0)
    samples["energy_j"][gone] = samples["power_w"][gone] = np.nan
    samples["error"][gone] = GPU_IS_LOST


def refuse_every_third(samples: NDArray[Any]) -> None:
    samples["energy_j"][::3] = np.nan
    samples["error"][::3] = UNKNOWN


def blank_power_every_third(samples: NDArray[Any]) -> None:
    samples["power_w"][::3] = np.nan


def refuse_now_and_then(samples: NDArray[Any]) -> None:
    samples["energy_j"][::50] = np.nan
    samples["error"][::50] = NO_DATA


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lose, ["energy_unknown", "gpu_lost"]),
        (refuse_every_third, ["sensor_errors"]),
        (blank_power_every_third, ["sensor_errors"]),
        (refuse_now_and_then, []),
    ],
)
def test_a_sensor_that_does_not_answer_is_named(change: Change, expected: Sequence[str]) -> None:
    samples = recorded(a100(power=LOAD, noise_w=1.0))
    change(samples)
    warnings, breakdown = judge(samples)
    assert [warning.code for warning in warnings] == expected
    if "energy_unknown" not in expected:
        assert breakdown.by_device[0].energy_j == pytest.approx(2700.0, rel=0.005)


def test_refusals_say_their_code_and_share() -> None:
    samples = recorded(a100(power=LOAD, noise_w=1.0))
    refuse_every_third(samples)
    (warning,), _ = judge(samples)
    assert "33%" in warning.message
    assert "error 999" in warning.message


def test_a_pause_of_the_sampling_within_a_window_is_named_and_the_counter_bridges_it() -> None:
    times_s = sample_times(END_S * 1.1)
    card = a100(power=LOAD, noise_w=1.0)
    inside = times_s[(times_s < 7.2) | (times_s > 8.4)]
    warnings, breakdown = judge(recorded(card, t_s=inside))
    assert [warning.code for warning in warnings] == ["sample_gap"]
    assert "1.2 s without a reading of GPU 0" in warnings[0].message
    assert breakdown.by_device[0].energy_j == pytest.approx(2700.0, rel=0.005)


def test_a_pause_without_a_counter_makes_the_energy_unknown() -> None:
    times_s = sample_times(END_S * 1.1)
    inside = times_s[(times_s < 7.2) | (times_s > 8.4)]
    samples = recorded(a100(power=LOAD, noise_w=1.0), t_s=inside, use_counter=False)
    assert codes(samples)[:2] == ["energy_unknown", "sample_gap"]


def test_a_pause_between_the_windows_gives_no_warning() -> None:
    times_s = sample_times(END_S * 1.1)
    assert codes(recorded(a100(power=LOAD), t_s=times_s[(times_s < 1.0) | (times_s > 2.0)])) == []


def test_a_slice_of_a_card_is_said_to_be_the_whole_card() -> None:
    (warning,), _ = judge(recorded(a100(power=LOAD)), scope="shared_card")
    assert warning.code == "shared_card"


def test_readings_of_a_whole_module_are_a_note() -> None:
    (warning,), _ = judge(recorded(a100(power=LOAD)), scope="module")
    assert (warning.code, warning.severity) == ("whole_module", "info")


def test_a_redirected_meter_is_a_warning_that_names_the_place() -> None:
    (warning,), _ = judge(recorded(a100(power=LOAD)), read_from="/opt/fake/libnvidia-ml.so.1")
    assert (warning.code, warning.severity) == ("meter_redirected", "warning")
    assert "readings of GPU 0 come from /opt/fake/libnvidia-ml.so.1" in warning.message


def test_every_warning_about_a_sensor_has_a_number_or_a_name_and_a_remedy() -> None:
    samples = recorded(a100(power=WAVE, noise_w=1.0, counter_reset_at_s=4.0, power_freeze_at_s=7.0))
    refuse_every_third(samples)
    warnings, _ = judge(samples, scope="shared_card")
    assert {warning.code for warning in warnings} >= {"counter_reset", "sensor_errors", "shared_card"}
    for warning in warnings:
        assert "GPU 0" in warning.message
        assert warning.message.endswith(".")
        assert warning.remedy.endswith(".")


def test_a_counter_that_goes_back_again_and_again_is_one_warning() -> None:
    samples = recorded(a100(power=LOAD))
    falling = samples["t_unix_ns"] > ns(5.0)
    samples["energy_j"][falling] = samples["energy_j"][~falling][-1] - 2.0 * np.arange(1, falling.sum() + 1)
    warnings, breakdown = judge(samples)
    (reset,) = (warning for warning in warnings if warning.code == "counter_reset")
    assert re.search(
        r"this happened \d{3} times in all, \d{3} of them within a window, the last time", reset.message
    )
    assert breakdown.by_device[0].energy_j is None


def test_a_counter_that_only_goes_back_is_not_called_still() -> None:
    samples = recorded(a100(power=LOAD))
    samples["energy_j"], samples["power_w"] = 1e6 - 2.0 * np.arange(len(samples)), np.nan
    warnings, breakdown = judge(samples)
    assert "the energy counter only went back" in warnings[0].message
    assert breakdown.by_device[0].energy_j is None


@pytest.mark.parametrize(
    ("watts", "known"), [(-0.5, False), (0.0, True)], ids=["below zero", "noise around zero"]
)
def test_energy_below_zero_is_unknown_but_for_noise(watts: float, known: bool) -> None:
    samples = recorded(v100(power=Constant(0.0)), use_counter=False)
    samples["power_w"] = watts + np.random.default_rng(1).normal(0.0, 0.2, len(samples))
    warnings, breakdown = judge(samples)
    assert (breakdown.by_device[0].energy_j is not None) == known
    assert ("energy_unknown" in [warning.code for warning in warnings]) != known
