"""How often the window is measured: at least `min` times, until the interval is narrow enough or `max` is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from llenergymeasure.config.load import LoadConfig
from llenergymeasure.config.models import MeasurementConfig, RepeatsConfig
from llenergymeasure.domain.trace import complete_windows
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import LoadDriver, WindowPlan
from llenergymeasure.metrics.energy.quiet import REST_NS, quiet_intervals
from llenergymeasure.metrics.energy.running_account import RunningAccount
from llenergymeasure.metrics.energy.windows import cost_per_token, window_totals
from llenergymeasure.metrics.statistics.student import relative_half_width

StopReason = Literal["fixed", "target_reached", "max_reached"]
BeforeWindow = Callable[[LoadDriver], bool]
"""Does what has to be done before a window, and says whether there was anything."""


def _nothing(_driver: LoadDriver) -> bool:
    return False


_MOST_NEEDED: tuple[StopReason, ...] = ("fixed", "target_reached", "max_reached")


def ladder(load: LoadConfig) -> tuple[int, ...] | tuple[None]:
    """Return the numbers of the rungs of a ladder of loads; one None where a load is none."""
    rungs = len(load.rungs())
    return tuple(range(rungs)) if rungs > 1 else (None,)


def measure_rungs(
    driver: LoadDriver,
    rungs: Sequence[int | None],
    config: MeasurementConfig,
    log: Recorder,
    power: Metering,
    before_window: BeforeWindow = _nothing,
) -> StopReason:
    """Measure the windows of each rung, the first of which is warmed up, and return why the one that needed most ended.

    Nothing is in flight any more when it returns.
    """
    reasons = []
    for rung in rungs:
        if rung:
            _warm_up_rung(driver, config, log, power, rung)
        reasons.append(measure_repeats(driver, config, log, power, before_window, rung))
    driver.drain()
    return max(reasons, key=_MOST_NEEDED.index)


def _warm_up_rung(
    driver: LoadDriver, config: MeasurementConfig, log: Recorder, power: Metering, rung: int
) -> None:
    """Warm a further rung up; the run says `cap` where any of them was not steady when its time was up."""
    if warm_up(driver, config, log, power, rung) == "cap":
        log.note(warmup_ended="cap")


def measure_repeats(
    driver: LoadDriver,
    config: MeasurementConfig,
    log: Recorder,
    power: Metering,
    before_window: BeforeWindow = _nothing,
    rung: int | None = None,
) -> StopReason:
    """Measure windows and return why there was no further one.

    `before_window` is called before each. Each is as long as `window.min_duration_s` asks. Where a later one has to do
    more passes for that, so do all after it. Those of a rung of a ladder are numbered after those of the rungs before.
    """
    plan = WindowPlan(min_duration_s=config.window.min_duration_s)
    done, account = 0, RunningAccount()
    first = len(complete_windows(log.phases))
    _rest(driver, log)
    while True:
        if before_window(driver):
            _rest(driver, log)
        plan = measure_window(driver, plan, first + done, log, power, rung)
        _rest(driver, log)
        done += 1
        reason = _stop_reason(first, done, config.repeats, log, power, account)
        if reason is not None:
            return reason


def _rest(driver: LoadDriver, log: Recorder) -> None:
    """Let counters tick while nothing is served; a load that goes on has no such moment."""
    if driver.is_idle():
        log.clock.sleep(REST_NS / 1e9)


def _stop_reason(
    first: int,
    done: int,
    config: RepeatsConfig,
    log: Recorder,
    power: Metering,
    account: RunningAccount,
) -> StopReason | None:
    if done < config.min:
        return None
    if config.target_relative_ci is None or config.max == config.min:
        return "fixed"
    requests = log.requests.table()
    windows = complete_windows(log.phases)[first:]
    account.look(power.trace, windows, quiet_intervals(log.phases, requests))
    rows = window_totals(account, windows, requests)
    spread = relative_half_width(cost_per_token(rows))
    if spread is not None and spread <= config.target_relative_ci:
        return "target_reached"
    return "max_reached" if done >= config.max else None
