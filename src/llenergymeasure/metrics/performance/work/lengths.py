"""How many tokens are looked back at, and which requests went through the model together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.performance.batches import batch_numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Tokens of each request; arrays of shape (n,)."""

    cached: Floats
    """Prompt tokens that came from a prefix cache, so that nothing was computed for them."""
    prompt: Floats
    decoded: Floats
    """Output tokens after the first; each of them is one token through the model."""
    answered: Floats
    """1 where there is an output token, else 0."""

    @classmethod
    def of(cls, requests: RequestTable) -> Lengths:
        """Return the lengths of requests; without a word about a prefix cache there is none."""
        prompt = requests.prompt_tokens.astype(np.float64)
        cached = np.where(requests.cached_prompt_tokens == UNKNOWN, 0, requests.cached_prompt_tokens)
        output = requests.output_tokens
        return cls(
            # The last token of a prompt is always computed: the first output token follows from it.
            cached=np.clip(cached, 0, np.maximum(prompt - 1, 0)).astype(np.float64),
            prompt=prompt,
            decoded=np.maximum(output - 1, 0).astype(np.float64),
            answered=(output > 0).astype(np.float64),
        )

    @property
    def context(self) -> Floats:
        """Tokens that went through the model or came from its cache."""
        return self.prompt + self.decoded


def looks(start: Floats, end: Floats, window: int | None) -> Floats:
    """Return the tokens that those at positions `start` to `end - 1` look at together, themselves included."""
    return _looks_until(end, window) - _looks_until(start, window)


def _looks_until(end: Floats, window: int | None) -> Floats:
    ramp = end if window is None else np.minimum(end, window)
    total: Floats = ramp * (ramp + 1) / 2 + (end - ramp) * (0 if window is None else window)
    return total


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Which batch each request belongs to, and the batches themselves."""

    of_request: NDArray[np.intp]
    """Shape (n,)."""
    count: int

    @classmethod
    def of(cls, requests: RequestTable) -> Batches | None:
        """Return the static batches of requests; None where a request does not say which one it was in."""
        if bool((requests.batch == UNKNOWN).any()):
            return None
        of_request = batch_numbers(requests)
        return cls(of_request=of_request, count=int(of_request.max(initial=-1)) + 1)

    @classmethod
    def single(cls, n_requests: int) -> Batches:
        """Return one batch for each request."""
        return cls(of_request=np.arange(n_requests), count=n_requests)

    def total(self, values: Floats) -> Floats:
        """Return the sum in each batch, shape (count,)."""
        return np.bincount(self.of_request, weights=values, minlength=self.count).astype(np.float64)

    def most(self, values: Floats) -> Floats:
        """Return the largest value in each batch, shape (count,)."""
        result = np.zeros(self.count)
        np.maximum.at(result, self.of_request, values)
        return result
