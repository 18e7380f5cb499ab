"""The measured interval: synchronise, mark, drive, synchronise, mark."""

from __future__ import annotations

from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.harness.hold_ups import HoldUpWatch
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.served import ServedRequests
from llenergymeasure.harness.server_watch import ServerWatch
from llenergymeasure.load.base import LoadDriver, WindowPlan


def measure_window(
    driver: LoadDriver,
    plan: WindowPlan,
    repeat: int,
    log: Recorder,
    power: Metering,
    rung: int | None = None,
) -> WindowPlan:
    """Serve one window and return the plan of the next one, which does no less work.

    The phase `window` is the one interval over which energy, time and tokens of this repeat are counted. What the load
    needs before it, such as ramping up, lies outside; so does what it serves after it. `rung` is that of a ladder.

    Raises:
        BackendError: the backend can serve no further request, or failed every one.
    """

    def progress(served: ServedRequests) -> RunEvent:
        elapsed_s = served.elapsed_s()
        return RunEvent(
            kind="progress",
            phase="window",
            repeat=repeat,
            fraction=driver.progress(plan, served.requests, elapsed_s),
            output_tokens_per_s=served.output_tokens / elapsed_s if elapsed_s > 0 else None,
            power_w=power.recent_power_w(),
        )

    served = ServedRequests(log, progress)
    with driver.traffic(repeat, served.take, rung or 0) as traffic:
        driver.synchronize()
        watch, server = HoldUpWatch(), ServerWatch(log.server)
        with log.phase("window", repeat, rung):
            served.begin()
            next_plan = traffic.serve_window(plan)
            driver.synchronize()
        log.hold_ups.append(watch.look(repeat))
        log.note(server_windows=(*log.facts.server_windows, *server.look(repeat)))
        client = driver.client()
        if client is not None:
            log.client.append(client)
    return next_plan
