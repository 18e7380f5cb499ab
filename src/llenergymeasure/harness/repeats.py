"""How often the window is measured: at least `min` times, until the interval is narrow enough or `max` is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from llenergymeasure.config.models import MeasurementConfig, RepeatsConfig
from llenergymeasure.domain.trace import complete_windows
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
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


def measure_repeats(
    driver: LoadDriver,
    config: MeasurementConfig,
    log: Recorder,
    power: Metering,
    before_window: BeforeWindow = _nothing,
) -> StopReason:
    """Measure windows and return why there was no further one.

    `before_window` is called before each, with nothing in flight. Each is as long as `window.min_duration_s` asks.
    Where a later one has to do more passes for that, so do all after it.
    """
    plan = WindowPlan(min_duration_s=config.window.min_duration_s)
    done, account = 0, RunningAccount()
    log.clock.sleep(REST_NS / 1e9)
    while True:
        if before_window(driver):
            log.clock.sleep(REST_NS / 1e9)
        plan = measure_window(driver, plan, done, log, power)
        log.clock.sleep(REST_NS / 1e9)
        done += 1
        reason = _stop_reason(done, config.repeats, log, power, account)
        if reason is not None:
            return reason


def _stop_reason(
    done: int, config: RepeatsConfig, log: Recorder, power: Metering, account: RunningAccount
) -> StopReason | None:
    if done < config.min:
        return None
    if config.target_relative_ci is None or config.max == config.min:
        return "fixed"
    requests = log.requests.table()
    account.look(power.trace, complete_windows(log.phases), quiet_intervals(log.phases, requests))
    rows = window_totals(account, log.phases, requests)
    spread = relative_half_width(cost_per_token(rows))
    if spread is not None and spread <= config.target_relative_ci:
        return "target_reached"
    return "max_reached" if done >= config.max else None
