"""Whether the times that a server tells of its requests are those that the client saw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

ABSOLUTE_S, RELATIVE = 0.005, 0.1
"""Times that differ by more than both of these disagree."""
Floats = NDArray[np.float64]

SERVER_TIMES_DISAGREE = WarningCode(
    code="server_times_disagree",
    meaning="The server states other times for its requests than the client saw: the client or the network delayed "
    "them, or the two count from different moments.",
    remedy="See that the client has a processor of its own and runs near the server; what the client saw is what "
    "latencies are made of.",
    severity=Levels(
        of="fraction of the requests whose times differ by more than 5 ms and more than 10 %",
        info=0.0,
        warning=0.05,
    ),
    because="A judgement: single requests are held up on any machine; a twentieth of them moves the 95th percentile.",
)


def check_server_times_agree(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Times to the first token, and from the first to the last, of the answered requests of all windows."""
    served = RequestTable.concatenate([row.served for row in inputs.rows])
    parts = {"first token": _to_first_token(served), "answer": _of_answer(served)}
    told = {name: pair for name, pair in parts.items() if np.isfinite(pair).all(axis=0).any()}
    if not told:
        return
    differ = {name: _differ(*pair) for name, pair in told.items()}
    any_differs = np.any(list(differ.values()), axis=0)
    any_told = np.any([np.isfinite(pair).all(axis=0) for pair in told.values()], axis=0)
    name = max(differ, key=lambda each: int(differ[each].sum()))
    client_s, server_s = (
        (float(np.median(times[differ[name]])) for times in told[name]) if any_differs.any() else (0, 0)
    )
    yield from SERVER_TIMES_DISAGREE.raised(
        f"Of {int(any_told.sum())} requests with times of the server, {int(any_differs.sum())} took the client another "
        f"time: the {name} took {client_s:.4g} s by the client and {server_s:.4g} s by the server (medians of these).",
        magnitude=float(any_differs.sum() / any_told.sum()),
    )


def _to_first_token(served: RequestTable) -> tuple[Floats, Floats]:
    """Return by client and by server, shape (n,).

    Without the time in the queue the server's time is a part of the client's, so it is only too long, never too short.
    """
    client = _seconds(served.first_token_unix_ns, served.sent_unix_ns)
    queued_known = np.isfinite(served.server_queued_s)
    server = served.server_prefill_s + np.where(queued_known, served.server_queued_s, 0.0)
    return client, np.where(queued_known, server, np.maximum(server, client))


def _of_answer(served: RequestTable) -> tuple[Floats, Floats]:
    return _seconds(served.last_token_unix_ns, served.first_token_unix_ns), served.server_decode_s


def _seconds(end: NDArray[np.int64], start: NDArray[np.int64]) -> Floats:
    known = (end != UNKNOWN) & (start != UNKNOWN)
    return np.where(known, (end - start) / 1e9, np.nan)


def _differ(client: Floats, server: Floats) -> NDArray[np.bool_]:
    """Return where both are known and disagree."""
    with np.errstate(invalid="ignore"):
        found: Any = np.abs(client - server) > np.maximum(ABSOLUTE_S, RELATIVE * server)
    return np.asarray(found, dtype=bool)
