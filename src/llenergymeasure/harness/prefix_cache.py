"""The cache policy of a run: what is done about the engine's prefix cache before windows and between prompts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, cast

from llenergymeasure.backends.base import (
    Backend,
    Chunk,
    Done,
    EncodedRequest,
    ScheduledRequest,
    resets_prefix_cache,
)
from llenergymeasure.backends.distinct_prompts import DistinctPrompts
from llenergymeasure.backends.prefix_cache import NO_RESET, empty_prefix_cache, keeps_prefixes, no_prefixes
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.progress import RunEvent
from llenergymeasure.domain.request import FILL_REPEAT
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.served import ServedRequests
from llenergymeasure.load.base import LoadDriver

TRIES = 12
"""Beginnings that are tried for a prompt until one has not come before."""


class PrefixCache:
    """Sees to the policy `cache` of a run, and keeps the facts of it.

    Under `cold`, with an engine that may keep prefixes, `backend` hands over each prompt as it is once after the cache
    was emptied, and with another beginning and as many tokens at any other time, also in the warm-up.

    Raises:
        ConfigError: the policy is `warm`, and the engine, as it was loaded, keeps no prefixes.
    """

    def __init__(
        self, config: ExperimentConfig, backend: Backend, workload: Sequence[EncodedRequest]
    ) -> None:
        self._engine = backend
        self._workload = workload
        keeps = keeps_prefixes(config.backend, backend)
        if config.cache == "warm" and keeps is False:
            raise ConfigError(no_prefixes(config.backend))
        self._is_cold = config.cache == "cold" and keeps is not False
        self._distinct = _Distinct(backend, workload, config.random_seed) if self._is_cold else None
        self._facts = PrefixCacheFacts(
            policy=config.cache,
            keeps_prefixes=keeps,
            common_head_tokens=None if self._distinct is None else self._distinct.common_head_tokens,
            has_sessions=any(_session(each) is not None for each in workload),
        )

    @property
    def backend(self) -> Backend:
        """The backend that the load is to be driven with."""
        return self._engine if self._distinct is None else cast("Backend", self._distinct)

    def facts(self) -> PrefixCacheFacts:
        """Return what was done until now."""
        if self._distinct is None:
            return self._facts
        varied, repeated = self._distinct.varied, self._distinct.repeated
        return self._facts.model_copy(update={"distinct_requests": varied, "repeated_requests": repeated})

    def fill(self, driver: LoadDriver, log: Recorder) -> None:
        """Serve every prompt of the workload once, where the policy is `warm`.

        Raises:
            BackendError: the backend can serve no further request, or failed every one.
        """
        if self._facts.policy != "warm":
            return
        served = ServedRequests(log, lambda each: _progress(each.requests, len(self._workload)))
        with log.phase("cache_fill"), driver.traffic(FILL_REPEAT, served.take) as traffic:
            while served.requests < len(self._workload):
                traffic.serve_part()
            driver.synchronize()
        self._facts = self._facts.model_copy(update={"fill_requests": served.requests})

    def before_window(self, driver: LoadDriver) -> bool:
        """Empty the cache, where the policy is `cold`, and return whether the engine was asked to.

        A load that goes on is drained for it, since an engine keeps the prefixes of what it is serving.
        """
        if self._distinct is None:
            return False
        if resets_prefix_cache(self._engine):
            driver.drain()
        refusal = empty_prefix_cache(self._engine)
        if refusal is None:
            self._distinct.forget()
            self._facts = self._facts.model_copy(update={"resets": self._facts.resets + 1})
        elif self._facts.reset_refused is None:
            self._facts = self._facts.model_copy(update={"reset_refused": refusal})
        return refusal != NO_RESET


class _Distinct:
    """Has the methods of a backend; a prompt that came before is handed over with another beginning."""

    def __init__(self, backend: Backend, workload: Sequence[EncodedRequest], seed: int) -> None:
        self._backend: Any = backend
        prompts = DistinctPrompts(workload, seed)
        self.common_head_tokens = prompts.common_head_tokens
        self._vary: Callable[[EncodedRequest, int], EncodedRequest] = getattr(backend, "vary", prompts.vary)
        self._serial = count()
        self._sent: set[int] = set()
        self.varied = self.repeated = 0
        for each in workload:  # `encode` may have sent them, to have their tokens counted
            self._is_new(each)

    def __getattr__(self, name: str) -> Any:
        found = getattr(
            self._backend, name
        )  # an AttributeError where the backend has none: it serves one way only
        return {"run": self._run, "stream": self._stream}.get(name, found)

    def forget(self) -> None:
        """Take no prompt for one that came before: the cache is empty."""
        self._sent.clear()

    def _run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        self._backend.run([self._distinct(each) for each in requests], done)

    def _stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        messages: AsyncIterator[Chunk] = self._backend.stream(self._distinct(request))
        return messages

    def _distinct(self, request: ScheduledRequest) -> ScheduledRequest:
        encoded, in_warmup = request.encoded, request.repeat < 0
        if _session(encoded) is not None:  # another beginning would part it from the turns before it
            self.repeated += not self._is_new(encoded) and not in_warmup
            return request
        if not in_warmup and self._is_new(encoded):
            return request
        varied = self._another(encoded)
        if not in_warmup:
            self.varied += varied is not encoded
            self.repeated += varied is encoded
        return replace(request, encoded=varied)

    def _another(self, encoded: EncodedRequest) -> EncodedRequest:
        """Return the request with a beginning that has not come before; itself where none is found."""
        for _ in range(TRIES):
            varied = self._vary(encoded, next(self._serial))
            if varied is not encoded and self._is_new(varied):
                return varied
        return encoded

    def _is_new(self, encoded: EncodedRequest) -> bool:
        """Whether these tokens, or this text, have not been handed over; from now on they have."""
        prompt = encoded.prompt
        content = hash(encoded.token_ids or (prompt.text, prompt.n_tokens, prompt.token_seed))
        is_new = content not in self._sent
        self._sent.add(content)
        return is_new


def _session(encoded: EncodedRequest) -> str | None:
    """Return the session of which a prompt is a turn."""
    session: str | None = getattr(encoded.prompt, "session", None)
    return session


def _progress(requests: int, asked: int) -> RunEvent:
    return RunEvent(kind="progress", phase="cache_fill", fraction=min(requests / asked, 1.0))
