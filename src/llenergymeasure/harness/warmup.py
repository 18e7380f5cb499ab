"""Work before the first window, until caches, clocks and compilers have settled."""

from __future__ import annotations

from llenergymeasure.config.models import MeasurementConfig, WarmupConfig
from llenergymeasure.domain.experiment import WarmupEnd
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import WARMUP_REPEAT
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.served import ServedRequests
from llenergymeasure.load.base import LoadDriver
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.running_account import LEAD_NS
from llenergymeasure.metrics.protocol.steady_state import warmup_steadiness

LOOK_EVERY_S = 0.5
"""Between two looks at the trends: looking costs time in which the device is idle."""


def warm_up(
    driver: LoadDriver,
    protocol: MeasurementConfig,
    log: Recorder,
    power: Metering,
    rung: int | None = None,
) -> WarmupEnd | None:
    """Serve parts of the workload itself and return why it was enough; None where no warm-up was asked for.

    It ends when both minima are met and the slopes of inter-token latency and power are flat over its later half, or at
    the cap. Its requests are recorded; figures take what lies in the windows. `rung` is that of a ladder, each of which
    is warmed up.

    Raises:
        BackendError: the backend can serve no further request, or failed every one.
    """
    config = protocol.warmup
    if config.min_requests == 0 and config.min_duration_s == 0:
        return None
    rate: float | None = None

    def progress(served: ServedRequests) -> RunEvent:
        return _progress(served, config, power, rate)

    served = ServedRequests(log, progress)
    traffic_of_rung = driver.traffic(WARMUP_REPEAT, served.take, rung or 0)
    with log.phase("warmup", rung=rung), traffic_of_rung as traffic:
        start_ns = log.clock.now_ns()
        look_at_s = config.min_duration_s
        while True:
            traffic.serve_part()
            driver.synchronize()
            elapsed_s = served.elapsed_s()
            rate = served.requests / elapsed_s if elapsed_s > 0 else None
            if served.requests < config.min_requests or elapsed_s < look_at_s:
                continue
            end = _end(start_ns, elapsed_s, protocol, log, power)
            if end is not None:
                log.tell(progress(served))
                return end
            look_at_s = elapsed_s + LOOK_EVERY_S


def _end(
    start_ns: int, elapsed_s: float, protocol: MeasurementConfig, log: Recorder, power: Metering
) -> WarmupEnd | None:
    """Return why the warm-up may end now, its minima being met; None where it goes on."""
    cap_s = protocol.warmup.max_duration_s
    if cap_s is None:
        return "fixed"
    warmup = Phase(name="warmup", start_unix_ns=start_ns, end_unix_ns=log.clock.now_ns())
    account = EnergyAccount(power.trace(start_ns - LEAD_NS))
    trends = warmup_steadiness(log.requests.table(), account, warmup, protocol.window.min_duration_s)
    if trends.is_steady:
        return "steady"
    return "cap" if elapsed_s >= cap_s else None


def _progress(
    served: ServedRequests, config: WarmupConfig, power: Metering, requests_per_s: float | None
) -> RunEvent:
    return RunEvent(
        kind="progress",
        phase="warmup",
        fraction=_fraction(served.requests, served.elapsed_s(), config),
        requests_per_s=requests_per_s,
        power_w=power.recent_power_w(),
    )


def _fraction(requests: int, elapsed_s: float, config: WarmupConfig) -> float | None:
    """Return how far the minima are met; None once it goes on until it is steady, which cannot be foreseen."""
    by_requests = requests / config.min_requests if config.min_requests else 1.0
    by_time = elapsed_s / config.min_duration_s if config.min_duration_s else 1.0
    done = min(by_requests, by_time, 1.0)
    return None if done == 1.0 and config.max_duration_s is not None else done
