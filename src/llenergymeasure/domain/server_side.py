"""What an inference server counts itself, beside what its client sees."""

from __future__ import annotations

from llenergymeasure.core.record import Record


class ServerSample(Record):
    """One reading of a server's counters, since it was started; None where it does not count that."""

    unix_ns: int
    """In the middle of the request that read them."""
    prompt_tokens: float | None = None
    cached_prompt_tokens: float | None = None
    output_tokens: float | None = None
    requests: float | None = None
    """Answered in full."""
    ttft_sum_s: float | None = None
    ttft_count: float | None = None
    queued_sum_s: float | None = None
    queued_count: float | None = None
    prefill_sum_s: float | None = None
    prefill_count: float | None = None
    decode_sum_s: float | None = None
    decode_count: float | None = None
    energy_j: float | None = None
    """Of the GPUs that the server uses, as it counts it."""
    unknown: str | None = None
    """Why nothing could be read."""


class ServerWindow(Record):
    """What a server counted from just before a window to just after it; None where it does not count that."""

    repeat: int
    start_unix_ns: int
    end_unix_ns: int
    prompt_tokens: float | None = None
    cached_prompt_tokens: float | None = None
    output_tokens: float | None = None
    requests: float | None = None
    ttft_mean_s: float | None = None
    """From the arrival of a request at the server to its first token, over the requests of which it came."""
    queued_mean_s: float | None = None
    prefill_mean_s: float | None = None
    decode_mean_s: float | None = None
    energy_j: float | None = None
    unknown: str | None = None
    """Why nothing is known: the server has no counters, or it was started anew within the window."""


TOTALS = ("prompt_tokens", "cached_prompt_tokens", "output_tokens", "requests", "energy_j")
TIMES = ("ttft", "queued", "prefill", "decode")
"""Each is a sum of seconds and a count of requests."""
RESTARTED = "the server's counters began anew within the window: it was started again"


def server_window(repeat: int, before: ServerSample, after: ServerSample) -> ServerWindow:
    """Return what was counted between two readings."""
    window = ServerWindow(repeat=repeat, start_unix_ns=before.unix_ns, end_unix_ns=after.unix_ns)
    unknown = before.unknown or after.unknown
    if unknown is not None:
        return window.model_copy(update={"unknown": unknown})
    names = (*TOTALS, *(f"{time}_{part}" for time in TIMES for part in ("sum_s", "count")))
    grown = {name: _difference(getattr(before, name), getattr(after, name)) for name in names}
    if any(value is not None and value < 0 for value in grown.values()):
        return window.model_copy(update={"unknown": RESTARTED})
    means = {f"{time}_mean_s": _mean(grown[f"{time}_sum_s"], grown[f"{time}_count"]) for time in TIMES}
    return window.model_copy(update={**{name: grown[name] for name in TOTALS}, **means})


def _difference(before: float | None, after: float | None) -> float | None:
    """A counter appears when it first counts: one that was not there before is 0 until then."""
    return None if after is None else after - (before or 0.0)


def _mean(total: float | None, count: float | None) -> float | None:
    return total / count if total is not None and count else None
