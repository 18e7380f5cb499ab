"""Check of the client of a load: whether it sent the requests when they were due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from llenergymeasure.config.load import OpenLoad, ReplayLoad
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.protocol.client_lateness import ClientLateness, client_lateness

CLIENT_LATE = WarningCode(
    code="client_late",
    meaning="The client sent requests later than they were due, or fewer than were due: it measured itself with the "
    "server.",
    remedy="Lower load.rate_per_s, or give the client more of the processor: stop other programs, run it on another "
    "machine than the server.",
    severity=Levels(
        of="fraction of the requests due in the windows that were sent late, or not at all",
        warning=0.01,
        invalid=0.05,
    ),
    because="Late is by over 2 ms and over 5 % of the median time to first token: then the 99th percentile of latency "
    "is the client's. Over 5 % of the requests not sent, the load is not the one that was asked for; sent late but "
    "sent, it is a warning at most, since latency counts from when a request was due.",
)
MOST_MISSING = 0.05


def check_client_kept_up(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Requests that were due, and sent late or not at all; of a ladder, of the rung with the most."""
    load = inputs.config.load
    if not isinstance(load, (OpenLoad, ReplayLoad)):
        return
    found = [
        each
        for windows in _by_rung(inputs.windows)
        if (each := client_lateness(inputs.requests, windows, load.max_in_flight)) is not None
    ]
    worst = max(found, key=lambda each: each.late_fraction, default=None)
    if worst is None:
        return
    for warning in CLIENT_LATE.raised(
        f"{worst.late_fraction:.1%} of the {worst.due} requests that were due in the windows{_of_ladder(found)} were "
        f"sent more than {worst.limit_s * 1e3:.3g} ms late, and {worst.due - worst.sent} not by the end of their "
        f"window{_how_busy(inputs.client)}.",
        magnitude=worst.late_fraction,
    ):
        invalid = worst.missing_fraction > MOST_MISSING
        yield warning if invalid else warning.model_copy(update={"severity": "warning"})


def _by_rung(windows: Sequence[Phase]) -> Iterator[list[Phase]]:
    for rung in sorted({window.rung or 0 for window in windows}):
        yield [window for window in windows if (window.rung or 0) == rung]


def _of_ladder(found: Sequence[ClientLateness]) -> str:
    return " of a rung" if len(found) > 1 else ""


def _how_busy(client: Sequence[ClientWindow]) -> str:
    lags_s = [each.loop_lag_max_s for each in client if each.loop_lag_max_s is not None]
    duration_s = sum(each.duration_s for each in client)
    if not lags_s or not duration_s:
        return ""
    busy = sum(each.cpu_s for each in client) / duration_s
    return f"; the client's event loop was busy for {busy:.0%} of the time, and up to {max(lags_s) * 1e3:.3g} ms late"
