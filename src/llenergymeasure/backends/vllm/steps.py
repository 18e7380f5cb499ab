"""The iterations of vLLM's engine, from the statistics of its scheduler."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import Any

from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import STEP_COLUMNS, StepTable

COLUMNS = 8
"""Those of `StepTable`, in its order: 64 bytes a step."""


class IterationLog:
    """Takes the statistics of each iteration as vLLM reports them, in its event loop.

    Prompt tokens and requests are those that the scheduler planned; output tokens those that were handed out: a
    scheduler that plans ahead also plans for requests that have just ended. Tokens in the KV caches are counted along:
    what a request has read and written, until it ends.

    An iteration begins when the one before has ended, or when a request was sent to an engine that had nothing to do:
    the time that vLLM states for it leaves out what it computes before it waits for a result.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows = array("q")
        self._since_ns: int | None = None
        """When the engine began to work, or ended its last iteration; None while it has nothing to do."""
        self._last_ns = 0
        """When an iteration ended or a request was sent, whichever was later."""
        self._context = 0
        self.unknown: str | None = None
        """Why the iterations are not known; set at the first statistics that lack them."""

    def sent(self) -> None:
        """Note that a request is sent to the engine."""
        self._last_ns = self._clock.now_ns()
        if self._since_ns is None:
            self._since_ns = self._last_ns

    def record(self, scheduler: Any, outputs: Any) -> None:
        """Take the statistics of one iteration: of vLLM's scheduler, and of the outputs that it led to."""
        end_ns = self._clock.now_ns()
        try:
            self._take(scheduler, outputs, end_ns)
        except (AttributeError, TypeError, ValueError) as error:  # an interface that vLLM declares unstable
            self.unknown = f"this version of vLLM states its iterations otherwise ({error})"

    def take(self) -> StepTable | None:
        """Return the iterations since the last call; None where they are not known."""
        with self._lock:
            rows, self._rows = self._rows, array("q")
        return None if self.unknown is not None else _table(rows)

    def forget(self) -> None:
        """Leave out what was recorded until now."""
        with self._lock:
            self._rows = array("q")

    def _take(self, scheduler: Any, outputs: Any, end_ns: int) -> None:
        details = getattr(scheduler, "iteration_details", None)
        written = 0 if outputs is None else outputs.num_generation_tokens
        if details is None:
            if written:
                self.unknown = "this version of vLLM does not state what it computes in an iteration"
            return
        if getattr(details, "is_dummy", False):
            return
        firsts = 0 if outputs is None else len(outputs.time_to_first_tokens_iter)
        requests = details.num_ctx_requests + details.num_generation_requests
        self._context += _cached(scheduler) + details.num_ctx_tokens + written - firsts
        start_ns = self._last_ns if self._since_ns is None else self._since_ns
        with self._lock:
            self._rows.extend(
                (start_ns, end_ns, details.num_ctx_tokens, written - firsts, requests, self._context)
            )
            self._rows.extend(_drafts(scheduler))
        for each in () if outputs is None else outputs.finished_requests:
            self._context -= each.num_prompt_tokens + max(each.num_generation_tokens - 1, 0)
        self._since_ns = self._last_ns = end_ns
        if not scheduler.num_running_reqs and not scheduler.num_waiting_reqs:
            self._since_ns = None
            self._context = 0  # what was cut off did not say that it had ended


def logger_factory(log: IterationLog) -> Callable[..., Any]:
    """Return what vLLM makes its loggers of statistics with; it is given to the engine when it starts."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class Logger(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
            """Nothing of the configuration is needed."""

        def record(self, scheduler_stats: Any, iteration_stats: Any, *_more: Any, **_named: Any) -> None:
            log.record(scheduler_stats, iteration_stats)

        def log_engine_initialized(self) -> None:
            """Nothing is written anywhere."""

    return Logger


def _cached(scheduler: Any) -> int:
    """Return the prompt tokens that the requests of an iteration took from the prefix cache."""
    found = getattr(getattr(scheduler, "prefix_cache_stats", None), "hits", 0)
    return found if isinstance(found, int) else 0


def _drafts(scheduler: Any) -> tuple[int, int]:
    """Return how many tokens speculative decoding proposed to an iteration, and how many of them the model took."""
    stats = getattr(scheduler, "spec_decoding_stats", None)
    return (UNKNOWN, UNKNOWN) if stats is None else (stats.num_draft_tokens, stats.num_accepted_tokens)


def _table(rows: array[int]) -> StepTable:
    import numpy as np

    columns = np.array(rows, dtype=np.int64).reshape(-1, COLUMNS).T
    return StepTable(
        **{name: column.astype(kind) for (name, kind), column in zip(STEP_COLUMNS, columns, strict=True)}
    )
