"""The table of latency metrics: what is taken of each request or chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.model.info import ModelInfo, explained
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.performance import latency
from llenergymeasure.metrics.performance.batches import batch_numbers

NO_FIRST_TOKEN = "the backend reports no time of the first token"
NO_FIRST_ANSWER = "the backend does not tell the visible answer from reasoning"
NO_LAST_TOKEN = "the backend reports no time of the last token"
NO_TOKEN_TIMES = "the backend reports no token times"
NO_LATER_TOKEN = "no request has a token after its first chunk"
NO_REQUESTS = "no answered request was scheduled and ended in a window"


@dataclass(frozen=True, kw_only=True)
class LatencyMetric:
    """One row of the table of latency metrics; its statistics are those of every metric."""

    name: str
    """Key under `latency` in `result.json`; ends in the unit."""
    label: str
    """What a person calls it."""
    label_of_single_tokens: str | None = None
    """What a person calls it where every chunk is one token; None: the same."""
    unit: str
    better: Literal["lower", "higher"] | None
    things: str = "requests"
    """What has a value: requests, chunks or gaps."""
    groups: str = "batches"
    """What values that came from the same work have in common."""
    formula: str
    source: str | None = None
    differs: str | None = None
    """How other tools define what goes by this name."""
    without_times: str
    """Why it is unknown where the requests lack the times that it needs."""
    without_values: str | None = None
    """Why it is unknown where they have these times and still nothing has a value."""
    needs: Literal["first_token_unix_ns", "first_answer_unix_ns", "last_token_unix_ns", "chunk_unix_ns"]
    """The column of those times."""
    counts_failures: bool = False
    """Whether it has a meaning for a failed request, which is then infinitely late."""
    of: Callable[[RequestTable], MetricValues]

    @property
    def missing_because(self) -> str:
        """When it is unknown, as the reference page prints it."""
        return ", or ".join(each for each in (self.without_times, self.without_values) if each)

    def why_unknown(self, requests: Sequence[RequestTable], info: ModelInfo | None) -> str:
        """Return why it is unknown for requests of which nothing has a value, window by window."""
        if not any(map(len, requests)):
            return NO_REQUESTS
        has_times = any((getattr(each, self.needs) != UNKNOWN).any() for each in requests)
        if has_times and self.without_values is not None:
            return self.without_values
        return explained(self.without_times, info, "token_times")


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricValues:
    """The known values of some requests, shape (m,), the index of the request of each, and its group.

    Values of one group came from the same work: the requests of a static batch, the chunks of one step.
    """

    value: NDArray[np.float64]
    request: NDArray[np.intp]
    group: NDArray[np.intp]


def _by_request(
    compute: Callable[[RequestTable], NDArray[np.float64]],
) -> Callable[[RequestTable], MetricValues]:
    def of(requests: RequestTable) -> MetricValues:
        values = compute(requests)
        known = np.flatnonzero(np.isfinite(values))
        group = batch_numbers(requests)[known]
        return MetricValues(value=values[known], request=known, group=group)

    return of


def _chunk_gaps(requests: RequestTable) -> MetricValues:
    chunks = latency.chunks_with_tokens(requests)
    return _of_chunks(chunks, chunks.gap_s)


def _chunk_tokens(requests: RequestTable) -> MetricValues:
    chunks = latency.chunks_with_tokens(requests)
    counted = (requests.tokens_estimated == None)[chunks.request]  # noqa: E711 - element by element
    return _of_chunks(chunks, np.where(counted, chunks.tokens, np.nan))


def _of_chunks(chunks: latency.Chunks, values: NDArray[np.float64]) -> MetricValues:
    """Return the known values; chunks that were on the host at the same nanosecond came from one step."""
    known = np.isfinite(values)
    _, step = np.unique(chunks.end_unix_ns[known], return_inverse=True)
    return MetricValues(value=values[known], request=chunks.request[known], group=step)


LATENCY_METRICS: tuple[LatencyMetric, ...] = (
    LatencyMetric(
        name="ttft_s",
        label="Time to first token",
        unit="s",
        better="lower",
        formula="first token − scheduled, by the client's clock. The first token is in the first message with at least "
        "one token of any kind; messages without one (a role, empty, a comment) are ignored",
        differs="vLLM, AIPerf and guidellm start when the client sends, which hides the client's own delay. vLLM stops "
        "at the first event, a role alone or an empty one included; AIPerf, guidellm and SGLang at the first text, "
        "reasoning or tool call",
        without_times=NO_FIRST_TOKEN,
        needs="first_token_unix_ns",
        counts_failures=True,
        of=_by_request(latency.ttft_s),
    ),
    LatencyMetric(
        name="ttft_sent_s",
        label="Time to first token, from sending",
        unit="s",
        better="lower",
        formula="first token − sent: `ttft_s` without the delay of the client",
        differs="what vLLM, AIPerf and guidellm call TTFT",
        without_times=NO_FIRST_TOKEN,
        without_values="the backend reports no time at which a request was sent",
        needs="first_token_unix_ns",
        counts_failures=True,
        of=_by_request(latency.ttft_sent_s),
    ),
    LatencyMetric(
        name="ttfo_s",
        label="Time to first token of the answer",
        unit="s",
        better="lower",
        formula="first token of the visible answer (text or a tool call, and not reasoning) − scheduled",
        differs="AIPerf has it under the same name; vLLM, guidellm and SGLang count reasoning as the answer",
        without_times=NO_FIRST_ANSWER,
        needs="first_answer_unix_ns",
        counts_failures=True,
        of=_by_request(latency.ttfo_s),
    ),
    LatencyMetric(
        name="tpot_s",
        label="Time per output token",
        unit="s",
        better="lower",
        formula="(last token − first token) / (output tokens − tokens of the first chunk). Output tokens are those "
        "that the backend counts (`usage` of a server); an answer without a token after its first chunk has none",
        differs="vLLM and MLPerf Inference divide by output tokens − 1, however many came first; guidellm divides "
        "(last token − start) by the output tokens, the first one included",
        without_times=NO_TOKEN_TIMES,
        without_values=NO_LATER_TOKEN,
        needs="first_token_unix_ns",
        counts_failures=True,
        of=_by_request(latency.tpot_s),
    ),
    LatencyMetric(
        name="chunk_gap_s",
        label="Gap between chunks",
        label_of_single_tokens="Inter-token latency (ITL)",
        unit="s",
        better="lower",
        things="gaps between chunks",
        groups="steps",
        formula="time from one chunk with a token to the next of the same request: raw gaps, pooled over the requests "
        "of a window. It is labelled inter-token latency (ITL) only where every chunk has one token",
        differs="ITL is one sample a chunk in vLLM, the gap over its tokens in genai-perf, that quotient once for each "
        "of its tokens in SGLang, and a mean per request in AIPerf and guidellm, which hides stalls",
        without_times=NO_TOKEN_TIMES,
        without_values="no answer has a second chunk",
        needs="chunk_unix_ns",
        of=_chunk_gaps,
    ),
    LatencyMetric(
        name="tokens_per_chunk",
        label="Tokens per chunk",
        unit="tokens",
        better=None,
        things="chunks",
        groups="steps",
        formula="output tokens of each chunk that has one, the first of a request included; those that were counted, "
        "chunk by chunk",
        without_times=NO_TOKEN_TIMES,
        without_values="the server states how many tokens an answer has, and not those of each chunk",
        needs="chunk_unix_ns",
        of=_chunk_tokens,
    ),
    LatencyMetric(
        name="e2e_s",
        label="Time of a request",
        unit="s",
        better="lower",
        formula="last token − scheduled",
        differs="others start when the client sends, and some end when the stream is closed; that time is kept in "
        "`requests.parquet` (`closed_unix_ns`)",
        without_times=NO_LAST_TOKEN,
        needs="last_token_unix_ns",
        counts_failures=True,
        of=_by_request(latency.e2e_s),
    ),
    LatencyMetric(
        name="decode_tokens_per_s_per_request",
        label="Decode speed of a request",
        unit="tokens/s",
        better="higher",
        formula="(output tokens − tokens of the first chunk) / (last token − first token): 1 / `tpot_s` of the same "
        "request. Its high percentiles are its fastest requests; the slowest are in `tpot_s`",
        without_times=NO_TOKEN_TIMES,
        without_values=NO_LATER_TOKEN,
        needs="first_token_unix_ns",
        of=_by_request(latency.decode_tokens_per_s),
    ),
    LatencyMetric(
        name="e2e_tokens_per_s_per_request",
        label="Speed of a request",
        unit="tokens/s",
        better="higher",
        formula="output tokens / `e2e_s` of the same request, time in a queue and for the prompt included",
        without_times=NO_LAST_TOKEN,
        needs="last_token_unix_ns",
        of=_by_request(latency.e2e_tokens_per_s),
    ),
)
"""A new metric is one row here: result, `llem show` and the reference page then have it."""
