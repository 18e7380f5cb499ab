"""Whether the server counted what its client saw: tokens, and the mean time to the first token."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.domain.server_side import RESTARTED, ServerWindow
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

DIFFERENCE = 0.1
DIFFERENCE_S = 0.005
"""A judgement: clients see the first token some milliseconds after the server; more is a queue or a busy client."""

SERVER_COUNTS_DISAGREE = WarningCode(
    code="server_counts_disagree",
    meaning="The server counted another number of output tokens than its client: one of them is wrong, or others use "
    "the server too.",
    remedy="Make sure that nobody else uses the server; compare server_windows with the repeats in result.json.",
    severity=Levels(
        of="difference over the client's count, of the window that differs most", warning=DIFFERENCE
    ),
    because="A judgement: energies per token are then off by as much. Tokens of requests at the edges of a window "
    "do not count as a difference.",
)
SERVER_TTFT_DISAGREES = WarningCode(
    code="server_ttft_disagrees",
    meaning="The client saw the first tokens later, or earlier, than the server says: time was lost between them, such "
    "as in the network, in a proxy, or in a client that was busy.",
    remedy="Run the client beside the server, or lower the load; ttft_s includes what lies between them.",
    severity="warning",
    because=f"The means of a window differ by more than {DIFFERENCE:.0%} and {DIFFERENCE_S * 1e3:.0f} ms.",
)
SERVER_RESTARTED = WarningCode(
    code="server_restarted",
    meaning="The server's counters began anew within a window: it was started again.",
    remedy="See the log of the server, and measure again.",
    severity="invalid",
    because="Requests were lost, and the energy of a start of the engine is in the window.",
)


def check_server_counts_agree(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Tokens that only one side counted, times that differ, and counters that began anew."""
    windows = {window.repeat: window for window in inputs.server_windows}
    pairs = [(row, windows[row.window.repeat]) for row in inputs.rows if row.window.repeat in windows]
    counts = [_token_difference(inputs.requests, window) for _, window in pairs]
    known = [each for each in counts if each is not None]
    if known:
        client, server, fraction = max(known, key=lambda each: each[2])
        yield from SERVER_COUNTS_DISAGREE.raised(
            f"In a window the client received {client:,} output tokens, and the server counted {server:,.0f}.",
            magnitude=fraction,
        )
    times = [_ttft_difference(inputs.requests, window) for _, window in pairs]
    late = [each for each in times if each is not None]
    if late:
        client_s, server_s = max(late, key=lambda each: abs(each[0] - each[1]))
        yield from SERVER_TTFT_DISAGREES.raised(
            f"The mean time to the first token is {client_s * 1e3:.1f} ms from the sending on for the client, and "
            f"{server_s * 1e3:.1f} ms for the server."
        )
    if any(window.unknown == RESTARTED for _, window in pairs):
        yield from SERVER_RESTARTED.raised("The server was started again within a window.")


def _token_difference(requests: RequestTable, window: ServerWindow) -> tuple[int, float, float] | None:
    """Return the client's count, the server's, and by how much they differ beyond what is cut off at the edges."""
    interval = window.start_unix_ns, window.end_unix_ns
    client = requests.output_tokens_in(*interval)
    if window.output_tokens is None or not client:
        return None
    at_edges = int(requests.output_tokens[requests.is_cut_by(*interval)].sum())
    difference = max(abs(window.output_tokens - client) - at_edges, 0.0)
    return client, window.output_tokens, difference / client


def _ttft_difference(requests: RequestTable, window: ServerWindow) -> tuple[float, float] | None:
    """Return the means of client and server in seconds, where they disagree."""
    first = requests.first_token_unix_ns
    inside = (
        (first > window.start_unix_ns) & (first <= window.end_unix_ns) & (requests.sent_unix_ns != UNKNOWN)
    )
    if window.ttft_mean_s is None or not inside.any():
        return None
    client_s = float(np.mean(first[inside] - requests.sent_unix_ns[inside])) / 1e9
    apart_s = abs(client_s - window.ttft_mean_s)
    if apart_s <= DIFFERENCE_S or apart_s <= DIFFERENCE * max(client_s, window.ttft_mean_s):
        return None
    return client_s, window.ttft_mean_s
