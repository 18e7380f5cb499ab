"""The prefix cache of the engine: what was asked, what was done about it, and how much of the prompts came from it."""

from __future__ import annotations

from typing import Literal

from llenergymeasure.core.record import Record

CachePolicy = Literal["cold", "warm", "as_is"]
"""`cold`: no prompt is computed from what an earlier one left. `warm`: every prompt was served before the windows.
`as_is`: neither is seen to."""

Means = Literal["off", "reset", "distinct", "filled"]
"""`off`: the engine keeps no prefixes. `reset`: the cache was emptied before each window, and the engine confirmed it.
`distinct`: prompts that came again had other tokens at their beginning, as many as before. `filled`: all prompts of
the workload were served once before the windows."""


class PrefixCacheFacts(Record):
    """What a run did about the prefix cache of its engine, as far as it got."""

    policy: CachePolicy = "cold"
    keeps_prefixes: bool | None = None
    """Whether the engine, as it was loaded, keeps prefixes from one request for the next; None: it does not tell."""
    resets: int = 0
    """Windows before which the engine confirmed that its cache is empty."""
    reset_refused: str | None = None
    """Why it was not emptied before a window, the first reason; None where it always was, or was not asked to be."""
    distinct_requests: int = 0
    """Requests outside of the warm-up whose prompt had come before and got another beginning."""
    repeated_requests: int = 0
    """Requests outside of the warm-up whose prompt had come before and was sent again as it is."""
    common_head_tokens: int | None = None
    """How many tokens the prompts of the workload have in common at their beginning, such as those of a chat template;
    None where the backend does not tell the tokens, and for one prompt."""
    has_sessions: bool = False
    """Whether prompts are turns of a session, each of which begins with those before it."""
    fill_requests: int | None = None
    """Requests that filled the cache before the warm-up; None unless the policy is `warm`."""

    @property
    def met_by(self) -> tuple[Means, ...]:
        """How the policy was met; none where nothing was done, or where nothing could be."""
        if self.policy == "as_is":
            return ()
        if self.policy == "warm":
            return ("filled",) if self.fill_requests else ()
        if self.keeps_prefixes is False:
            return ("off",)
        reset: tuple[Means, ...] = ("reset",) if self.resets and self.reset_refused is None else ()
        return (*reset, "distinct") if self.distinct_requests or not reset else reset


class PrefixCacheUse(Record):
    """How much of the prompts came from the engine's prefix cache, and what was done about that."""

    policy: CachePolicy
    """What was asked for: `cold`, `warm` or `as_is`."""
    met_by: tuple[Means, ...] = ()
    """How the policy was met: `off`, `reset`, `distinct`, `filled`; empty for `as_is`."""
    reset_refused: str | None = None
    """Why the cache was not emptied before a window; prompts were made distinct instead."""
    distinct_requests: int = 0
    """Requests of the windows whose prompt had another beginning than in the workload, of as many tokens."""
    repeated_requests: int = 0
    """Requests of the windows whose prompt had come before and was sent again as it is."""
    cached_tokens: int | None = None
    """Prompt tokens of all windows that came from the cache; None where the backend does not report them."""
    cached_fraction: float | None = None
    """The same as a fraction of all prompt tokens of the windows."""
    cached_tokens_by_repeat: tuple[int | None, ...] = ()
    """The same for each window."""
