"""The sampler's process, with tiny meters: what it takes, how it ends, and what is left when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.sample import READ_FAILED
from llenergymeasure.exceptions import MeterError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.metrics.energy.build import build_curves
from tests.support.sampled_fakes import (
    STEADY_W,
    ChattyMeter,
    DyingMeter,
    FaultyPartsMeter,
    RaisingMeter,
    SecondMeter,
    ShutMeter,
    SlowDevicesMeter,
    SlowMeter,
    SteadyMeter,
)
from tests.support.synthetic import energy_between

Start = Callable[..., Sampler]
ROOT = Path(__file__).parents[4]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a sampler of the meters given to it; it is stopped when the test ends."""
    started: list[Sampler] = []

    def start_sampler(*meters: type) -> Sampler:
        spool = tmp_path / f"samples-{len(started)}.bin"
        sampler = Sampler(meters, MeterOptions(), AnchoredClock(), spool)
        started.append(sampler)
        sampler.start()
        return sampler

    yield start_sampler
    for sampler in started:
        sampler.stop()


def kill(sampler: Sampler) -> None:
    assert sampler.pid is not None
    os.kill(sampler.pid, signal.SIGKILL)
    wait_until(lambda: not sampler.alive)


def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def enough(sampler: Sampler, samples: int) -> None:
    wait_until(lambda: len(sampler.trace().samples) >= samples)


def test_every_meter_is_read_before_the_run_goes_on(start: Start) -> None:
    sampler = start(SteadyMeter, SecondMeter)
    now_ns = AnchoredClock().now_ns()
    samples = sampler.trace().samples
    assert {0, 1} <= set(samples["channel"].tolist())
    assert samples["t_unix_ns"][0] < now_ns


def test_channels_of_all_meters_are_numbered_through(start: Start) -> None:
    sampler = start(SteadyMeter, SecondMeter)
    enough(sampler, 60)
    trace = sampler.stop()
    assert [channel.device for channel in trace.channels] == ["steady", "second"]
    assert len(trace.of(0)) > 1.5 * len(trace.of(1))  # twice the rate


def test_readings_keep_their_rate_without_keeping_step(start: Start) -> None:
    sampler = start(SecondMeter)
    enough(sampler, 80)
    gaps_s = np.diff(sampler.stop().of(0)["t_unix_ns"]) / 1e9
    assert 0.5 < np.median(gaps_s) / SecondMeter.period_s < 2.5  # late on a busy machine, never early
    assert np.std(gaps_s) > 0.2 * SecondMeter.period_s


def test_times_rise_and_lie_on_the_run_s_own_clock(start: Start) -> None:
    sampler = start(SteadyMeter, SecondMeter)
    enough(sampler, 50)
    times_ns = sampler.stop().samples["t_unix_ns"]
    assert (np.diff(times_ns) >= 0).all()
    assert abs(times_ns[-1] - time.time_ns()) < 5e9


def test_a_meter_slower_than_its_period_is_not_read_without_a_pause(start: Start) -> None:
    sampler = start(SlowMeter)
    enough(sampler, 10)
    gaps_s = np.diff(sampler.stop().of(0)["t_unix_ns"]) / 1e9
    assert np.median(gaps_s) > 3 * SlowMeter.period_s


def test_slow_devices_are_read_at_the_same_time(start: Start) -> None:
    sampler = start(SlowDevicesMeter)
    time.sleep(1.2)
    trace = sampler.stop()
    for number in range(4):
        assert trace.channels[number].device == f"d{number}"
        rows = trace.of(number)
        assert (np.diff(rows["t_unix_ns"]) > 0).all()
        late_s = np.diff(rows["t_unix_ns"][-20:]) / 1e9
        assert np.median(late_s) < 4 * SlowDevicesMeter.reading_s  # one after the other it cannot be less
    (pace,) = sampler.paces
    assert (pace.meter, pace.period_s, pace.in_parallel) == ("devices", SlowDevicesMeter.period_s, True)
    assert pace.reading_s is not None
    assert SlowDevicesMeter.reading_s < pace.reading_s < 3 * SlowDevicesMeter.reading_s


def test_devices_that_cannot_be_read_apart_are_read_one_after_the_other(start: Start) -> None:
    sampler = start(FaultyPartsMeter)
    time.sleep(0.8)
    trace = sampler.stop()
    assert (trace.samples["error"] == 0).all()
    (pace,) = sampler.paces
    assert not pace.in_parallel
    assert pace.reading_s is not None
    assert pace.reading_s > 4 * FaultyPartsMeter.reading_s


def test_a_quick_meter_is_read_by_one_thread(start: Start) -> None:
    sampler = start(SteadyMeter, SecondMeter)
    enough(sampler, 60)
    sampler.stop()
    assert [pace.meter for pace in sampler.paces] == ["steady", "second"]
    assert [pace.period_s for pace in sampler.paces] == [SteadyMeter.period_s, SecondMeter.period_s]
    assert not any(pace.in_parallel for pace in sampler.paces)


def test_a_killed_sampler_leaves_the_pace_of_its_start(start: Start) -> None:
    sampler = start(SlowMeter)
    kill(sampler)
    sampler.stop()
    (pace,) = sampler.paces
    assert pace.period_s == SlowMeter.period_s
    assert pace.reading_s is not None
    assert pace.reading_s > 3 * SlowMeter.period_s


def test_live_power_is_that_of_all_counted_channels(start: Start) -> None:
    sampler = start(SteadyMeter, SecondMeter)
    assert sampler.recent_power_w() == pytest.approx(2 * STEADY_W)


def test_live_power_is_unknown_once_sampling_has_ended(start: Start) -> None:
    sampler = start(SteadyMeter)
    sampler.stop()
    assert sampler.recent_power_w() is None


def test_stopping_twice_returns_the_same_trace(start: Start) -> None:
    sampler = start(SteadyMeter)
    trace = sampler.stop()
    assert sampler.stop() is trace
    assert trace.interrupted is None
    assert not sampler.alive


def test_a_sampler_that_was_never_started_stops_with_an_empty_trace(tmp_path: Path) -> None:
    trace = Sampler((SteadyMeter,), MeterOptions(), AnchoredClock(), tmp_path / "samples.bin").stop()
    assert trace.channels == ()
    assert len(trace.samples) == 0


def test_a_killed_sampler_leaves_its_trace_and_the_reason(start: Start) -> None:
    sampler = start(SteadyMeter)
    enough(sampler, 30)
    assert sampler.failure() is None
    kill(sampler)
    trace = sampler.stop()
    assert len(trace.samples) >= 30
    assert trace.interrupted == sampler.failure() == "sampler killed by signal 9 (SIGKILL)"


def test_energy_before_the_kill_is_kept_and_after_it_unknown_with_the_reason(start: Start) -> None:
    sampler = start(SteadyMeter)
    enough(sampler, 60)
    kill(sampler)
    trace = sampler.stop()
    curve = build_curves(trace)[0]
    first_ns, last_ns = (int(trace.samples["t_unix_ns"][at]) for at in (10, -10))
    before = energy_between(curve, first_ns, last_ns)
    assert before.energy_j == pytest.approx(STEADY_W * (last_ns - first_ns) / 1e9, rel=0.01)
    after = energy_between(curve, first_ns, last_ns + 5_000_000_000)
    assert after.energy_j is None
    assert "killed by signal 9" in str(after.reason)


def test_a_record_cut_short_by_a_kill_is_left_out(start: Start, tmp_path: Path) -> None:
    sampler = start(SteadyMeter)
    enough(sampler, 5)
    kill(sampler)
    with (tmp_path / "samples-0.bin").open("ab") as spool:
        spool.write(b"half a record")
    assert (sampler.stop().samples["error"] == 0).all()


def test_interrupt_and_termination_of_the_group_do_not_end_it(start: Start) -> None:
    sampler = start(SteadyMeter)
    assert sampler.pid is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(sampler.pid, number)
    taken = len(sampler.trace().samples)
    enough(sampler, taken + 10)
    assert sampler.stop().interrupted is None


def test_a_meter_that_does_not_open_says_so_in_its_own_words(start: Start) -> None:
    with pytest.raises(MeterError, match="open it with `sudo open shut`"):
        start(SteadyMeter, ShutMeter)


def test_a_process_that_dies_while_it_opens_is_an_error_not_a_wait(start: Start) -> None:
    with pytest.raises(MeterError, match="sampler ended with code 3"):
        start(DyingMeter)


def test_a_meter_that_raises_is_marked_and_the_others_go_on(start: Start) -> None:
    sampler = start(RaisingMeter, SecondMeter)
    enough(sampler, 30)
    trace = sampler.stop()
    assert (trace.of(0)["error"] == READ_FAILED).all()
    assert (trace.of(1)["error"] == 0).all()
    assert energy_between(build_curves(trace)[0], 0, 1).reason == "its meter failed"


def test_nothing_is_imported_from_the_current_folder(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("json", "struct", "select", "importlib", "psutil", "pydantic", "llenergymeasure"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from the current folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert [channel.device for channel in start(SteadyMeter).channels] == ["steady"]


def test_what_a_library_prints_does_not_disturb_the_answer(start: Start) -> None:
    assert [channel.device for channel in start(ChattyMeter).channels] == ["steady"]


def test_the_sampler_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path / "samples.bin")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(pid))


PARENT = """
    import sys, time
    from pathlib import Path
    from llenergymeasure.core.clock import AnchoredClock
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.sampling.sampler import Sampler
    from tests.support.sampled_fakes import SteadyMeter

    sampler = Sampler((SteadyMeter,), MeterOptions(), AnchoredClock(), Path(sys.argv[1]))
    sampler.start()
    print(sampler.pid, flush=True)
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
