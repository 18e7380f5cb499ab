"""Checks of the prefix cache: whether the windows met the policy that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

BY_CHANCE, BY_CHANCE_PART = 8, 4
"""Beginnings that were made distinct may agree in so many tokens, at most in this part (a quarter) of the prompt."""

PREFIX_CACHE_HIT = WarningCode(
    code="prefix_cache_hit",
    meaning="Prompt tokens of the windows came from the engine's prefix cache, and were not computed, though cache is "
    "cold.",
    remedy="Switch the engine's prefix cache off (its option for that), or set cache: warm or as_is and compare only "
    "results of the same policy.",
    severity="invalid",
    because="A second pass was seen at 2.3 times the throughput of the first, with a first token 49 times earlier "
    "(vLLM issue 54227): such figures are those of another work.",
)
PREFIX_CACHE_SHARED = WarningCode(
    code="prefix_cache_shared",
    meaning="Prompt tokens came from the engine's prefix cache that the prompts of one pass have in common, such as "
    "the head of a chat template or the turns of a session.",
    remedy="Switch the engine's prefix cache off to have every prompt token computed.",
    severity="info",
    because="They would also come from a cache that is empty when the window begins, as cold asks for.",
)
PREFIX_CACHE_UNKNOWN = WarningCode(
    code="prefix_cache_unknown",
    meaning="The backend does not report how many prompt tokens came from a prefix cache: that none did is not seen.",
    remedy="Let the engine report cached tokens (in usage, for a server), or switch its prefix cache off.",
    severity=Levels(
        of="fraction of the requests of the windows whose prompt had come before and was sent as it is",
        least="info",
        warning=0.0,
    ),
    because="Where the cache was emptied or prompts were made distinct, none can have come from it; a prompt that came "
    "again as it is very likely did.",
)
PROMPTS_DISTINCT = WarningCode(
    code="prompts_distinct",
    meaning="Prompts that came again had other tokens at their beginning, as many as before: their answers may differ.",
    remedy="To send the same prompts in every pass, switch the engine's prefix cache off; a reset that the engine "
    "confirms spares the first pass of each window.",
    severity="info",
    because="Lengths of prompts are the same, so is the work to read them; answers may end earlier or later, unless "
    "decoder.ignore_eos is set.",
)
PREFIX_CACHE_NOT_WARM = WarningCode(
    code="prefix_cache_not_warm",
    meaning="Prompt tokens of the windows were computed, though cache is warm.",
    remedy="Give the engine room for the prefixes of all prompts (memory of the KV cache), lower workload.n_prompts, "
    "or see that its prefix cache is on.",
    severity=Levels(of="fraction of the prompt tokens that were computed", info=0.25, warning=0.5),
    because="An engine computes the last block of every prompt anew, a quarter of a prompt of 64 tokens; beyond half, "
    "most of the workload was not in the cache.",
)


def check_cache_was_cold(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Prompt tokens from the cache under `cold`, beyond what the prompts of one pass have in common."""
    facts = inputs.prefix_cache
    if facts is None or facts.policy != "cold" or not inputs.rows:
        return
    requests = _of_windows(inputs.requests)
    known = requests.select(requests.cached_prompt_tokens != UNKNOWN)
    cached, total = int(known.cached_prompt_tokens.sum()), max(int(requests.prompt_tokens.sum()), 1)
    beyond = int(_beyond_common(known, facts).sum())
    if facts.has_sessions and not facts.repeated_requests:
        beyond = 0  # a turn begins with those before it
    if beyond:
        lied = (
            " The engine had confirmed that its cache was empty before each window." if facts.resets else ""
        )
        yield from PREFIX_CACHE_HIT.raised(
            f"{cached} of {total} prompt tokens came from the prefix cache, {beyond} of them beyond what all prompts "
            f"have in common.{lied}{_as_it_is(facts)}",
            magnitude=beyond / total,
        )
    elif cached:
        yield from PREFIX_CACHE_SHARED.raised(
            f"{cached} of {total} prompt tokens came from the prefix cache: no more than the prompts of one pass have "
            "in common.",
            magnitude=cached / total,
        )
    if facts.keeps_prefixes is not False:
        yield from _unseen(requests, facts)


def check_cache_was_warm(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Prompts that were computed under `warm`."""
    facts = inputs.prefix_cache
    if facts is None or facts.policy != "warm" or not inputs.rows:
        return
    known = [row.cached_input_tokens for row in inputs.rows if row.cached_input_tokens is not None]
    total = sum(row.input_tokens for row in inputs.rows)
    if len(known) < len(inputs.rows):
        yield from PREFIX_CACHE_NOT_WARM.raised(
            "The backend does not report cached tokens: whether the prompts of the windows came from the cache is not "
            "seen.",
            remedy="Let the engine report cached tokens (in usage, for a server).",
        )
    elif total:
        yield from PREFIX_CACHE_NOT_WARM.raised(
            f"{sum(known)} of {total} prompt tokens came from the prefix cache, the others were computed.",
            magnitude=1 - sum(known) / total,
        )


def _unseen(requests: RequestTable, facts: PrefixCacheFacts) -> Iterable[RunWarning]:
    unknown = int((requests.cached_prompt_tokens == UNKNOWN).sum())
    if unknown:
        repeated = facts.repeated_requests
        done = f"{repeated} sent a prompt again as it is" if repeated else "no prompt came again as it was"
        yield from PREFIX_CACHE_UNKNOWN.raised(
            f"Of {len(requests)} requests {unknown} do not say how many prompt tokens came from a cache; {done}.",
            magnitude=repeated / max(len(requests), 1),
        )
    if facts.distinct_requests:
        why = "" if facts.reset_refused is None else f" The cache was not emptied: {facts.reset_refused}."
        yield from PROMPTS_DISTINCT.raised(
            f"{facts.distinct_requests} of {len(requests)} requests had another beginning than in the workload, so "
            f"that no cached prefix fits them.{why}",
            magnitude=facts.distinct_requests / max(len(requests), 1),
        )


def _as_it_is(facts: PrefixCacheFacts) -> str:
    repeated = facts.repeated_requests
    if not repeated:
        return ""
    return f" {repeated} requests sent a prompt again as it is, since nothing in it can change places."


def _of_windows(requests: RequestTable) -> RequestTable:
    """Return the answered requests outside of the warm-up."""
    return requests.select((requests.repeat >= 0) & requests.is_ok())


def _beyond_common(requests: RequestTable, facts: PrefixCacheFacts) -> NDArray[Any]:
    """Return the cached tokens of each request beyond those that all prompts may have in common."""
    import numpy as np

    common = np.full(len(requests), max(facts.common_head_tokens or 1, 1))
    if facts.distinct_requests:
        common = common + np.minimum(BY_CHANCE, requests.prompt_tokens // BY_CHANCE_PART)
    beyond: NDArray[Any] = np.maximum(requests.cached_prompt_tokens - common, 0)
    return beyond
