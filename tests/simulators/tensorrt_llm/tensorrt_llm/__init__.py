"""A stand-in for tensorrt_llm that follows its published LLM API, for tests without a GPU.

It computes nothing: an answer is made of the ids 100, 101, ... and one token comes every millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

from tensorrt_llm.llmapi import KvCacheConfig

END, BLOCK = 2, 4
WORDS = 90


@dataclass(kw_only=True)
class SamplingParams:
    """The fields that exist there, and no others."""

    max_tokens: int = 32
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    ignore_eos: bool = False
    detokenize: bool = True
    return_perf_metrics: bool = False
    end_id: int | None = None


@dataclass
class CompletionOutput:
    """Tokens until now."""

    token_ids: list[int] = field(default_factory=list)
    finish_reason: str | None = None
    request_perf_metrics: Any = None


class RequestOutput:
    """One request; iterating yields itself at each new token."""

    def __init__(self, ids: list[int], params: SamplingParams, cached: int, fails_after: int | None) -> None:
        self.prompt_token_ids = ids
        self.outputs = [CompletionOutput()]
        self.finished = False
        self.aborted = False
        self.cached_tokens = cached
        self._params = params
        self._fails_after = fails_after

    def abort(self) -> None:
        self.aborted = True

    async def __aiter__(self) -> AsyncIterator[RequestOutput]:
        answer = self.outputs[0]
        for number in range(self._params.max_tokens):
            await asyncio.sleep(0.001)
            if number == self._fails_after:
                raise RuntimeError("CUDA error")
            answer.token_ids.append(100 + number)
            self.finished = number == self._params.max_tokens - 1
            if self.finished:
                answer.finish_reason = "length"
                answer.request_perf_metrics = _metrics(self._params.max_tokens)
            yield self


class LLM:
    """Takes what the LLM class takes, and refuses the rest, as it does."""

    made: ClassVar[list[LLM]] = []
    """All that were made, the last one at the end."""
    fails_after: ClassVar[int | None] = None
    """Tokens after which every request fails."""

    def __init__(
        self, *, model: str, kv_cache_config: KvCacheConfig, backend: str = "pytorch", **given: Any
    ) -> None:
        known = {
            "tokenizer",
            "trust_remote_code",
            "revision",
            "tokenizer_revision",
            "dtype",
            "tensor_parallel_size",
        }
        known |= {"pipeline_parallel_size", "max_batch_size", "max_num_tokens", "max_seq_len"}
        known |= {"enable_chunked_prefill", "quant_config"}
        strange = set(given) - known
        if strange:
            raise ValueError(f"LlmArgs got unexpected arguments: {sorted(strange)}")
        self.given = {"model": model, "backend": backend, "kv_cache_config": kv_cache_config, **given}
        self.args = SimpleNamespace(max_seq_len=given.get("max_seq_len") or 2048)
        self.tokenizer = SimpleNamespace(tokenizer=Tokenizer())
        self.requests: list[RequestOutput] = []
        self.is_shut_down = False
        self._blocks: set[tuple[int, ...]] = set()
        LLM.made.append(self)

    def generate_async(
        self, inputs: list[int], sampling_params: SamplingParams, *, streaming: bool = False
    ) -> RequestOutput:
        asyncio.get_running_loop()  # the real one makes its queue for the running loop
        assert streaming
        request = RequestOutput(inputs, sampling_params, self._cached(inputs), LLM.fails_after)
        self.requests.append(request)
        return request

    def shutdown(self) -> None:
        self.is_shut_down = True

    def _cached(self, ids: list[int]) -> int:
        if not self.given["kv_cache_config"].enable_block_reuse:
            return 0
        prefixes = [tuple(ids[:end]) for end in range(BLOCK, len(ids), BLOCK)]
        cached = sum(1 for each in prefixes if each in self._blocks)
        self._blocks.update(prefixes)
        return cached * BLOCK


class Tokenizer:
    """As much of a tokenizer of transformers as backends use: a word is a token."""

    all_special_ids = (1, END)
    added_tokens_decoder: ClassVar[dict[int, str]] = {}
    bos_token_id, eos_token_id, pad_token_id, unk_token_id = 1, END, None, None

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        ids = [3 + sum(map(ord, word)) % WORDS for word in text.split()]
        return {"input_ids": [1, *ids] if add_special_tokens else ids}

    def __len__(self) -> int:
        return WORDS + 3

    def get_vocab(self) -> dict[str, int]:
        return {f"t{number}": number for number in range(len(self))}


def _metrics(tokens: int) -> Any:
    times = {
        "arrival_time": timedelta(seconds=1),
        "first_scheduled_time": timedelta(seconds=1.001),
        "first_token_time": timedelta(seconds=1.003),
        "last_token_time": timedelta(seconds=1.003 + 0.001 * (tokens - 1)),
    }
    return SimpleNamespace(timing_metrics=SimpleNamespace(**times))
