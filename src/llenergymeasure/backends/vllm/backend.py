"""The vLLM backend: its engine through `AsyncLLM`, which streams every token, on CPU or CUDA."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from llenergymeasure.backends.base import Chunk, EncodedRequest, ScheduledRequest
from llenergymeasure.backends.host_memory import HostPeak
from llenergymeasure.backends.prompts import check_context
from llenergymeasure.backends.pytorch.execution.tokenizer_digest import tokenizer_digests
from llenergymeasure.backends.pytorch.loading import load_tokenizer
from llenergymeasure.backends.pytorch.prompts.tokens import describe_prompts, encode
from llenergymeasure.backends.pytorch.prompts.trial import prompt_problems, was_tried
from llenergymeasure.backends.vllm.answers import as_chunk
from llenergymeasure.backends.vllm.arguments import engine_arguments, options_of, sampling_arguments
from llenergymeasure.backends.vllm.checks import known_arguments, refusals
from llenergymeasure.backends.vllm.engine import Engine
from llenergymeasure.backends.vllm.info import describe
from llenergymeasure.backends.vllm.probe import steps_problem
from llenergymeasure.backends.vllm.serving import describe_serving
from llenergymeasure.backends.vllm.software import import_vllm
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.hub_access import from_cache_unless_answered
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.exceptions import BackendError


class VLLMBackend:
    """Continuous batching by vLLM's own engine in processes of its own; see `backends.base.OnlineBackend`."""

    name: ClassVar[str] = "vllm"

    def __init__(self) -> None:
        self._host_peak = HostPeak(self.processes)
        self._engine: Engine | None = None
        self._run: _Run | None = None

    def check(self, config: ExperimentConfig) -> list[str]:
        return refusals(config)

    def check_prompts(self, config: ExperimentConfig, prompts: Sequence[Prompt]) -> list[str]:
        return prompt_problems(config, prompts)

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """The engine's processes create their contexts when they load the model, and not before."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        vllm = import_vllm()
        source = from_cache_unless_answered(find_source(parse_model_ref(config.model)), config.revision)
        tokenizer = load_tokenizer(config, source)
        self._engine = Engine(clock)
        arguments = known_arguments(engine_arguments(config, source), vllm)
        resolved = self._engine.start(config.model, arguments)
        with self._engine.failures_explained():
            unknown = steps_problem(self._engine, resolved)
        info = describe(resolved, config, source, unknown)
        served = describe_serving(resolved, config, tokenizer)
        self._run = _Run(self._engine, tokenizer, info, config, clock, source, served)
        self._run.keeps_prefixes = bool(resolved.cache_config.enable_prefix_caching)
        return info

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        return self._loaded().encode(prompts)

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        return self._loaded().stream(request)

    def reset_prefix_cache(self) -> str | None:
        """Empty the prefix cache of the engine; None once it has confirmed that."""
        return self._loaded().reset_prefix_cache()

    def keeps_prefixes(self) -> bool:
        """Return whether the engine takes the beginnings of prompts from earlier requests; it does by default."""
        return self._loaded().keeps_prefixes

    def processes(self) -> Collection[int]:
        """Return this process, those of the engine and of its workers."""
        return (os.getpid(), *(() if self._engine is None else self._engine.pids()))

    def synchronize(self) -> None:
        """An answer is here only when the device has computed it."""

    def steps(self) -> StepTable | None:
        """Return the iterations since the last call; None where this vLLM does not state them."""
        return self._loaded().steps()

    def fingerprints(self) -> Mapping[str, str]:
        return self._loaded().fingerprints()

    def serving_facts(self) -> ServingFacts:
        return self._loaded().serving_facts

    def prompt_facts(self) -> PromptFacts:
        return self._loaded().prompt_facts

    def reset_peak_memory(self) -> None:
        self._host_peak.reset()

    def peak_memory_bytes(self) -> dict[str, int]:
        """Return the host memory of all its processes; that of a GPU is reserved by the engine when it starts."""
        return self._host_peak.read()

    def close(self) -> None:
        """End the engine and its processes.

        Raises:
            BackendError: processes are left, which the result then says.
        """
        engine, self._engine, self._run = self._engine, None, None
        left = () if engine is None else engine.close()
        if left:
            named = ", ".join(str(pid) for pid in left)
            raise BackendError(f"processes of vLLM did not end: {named} → end them (kill -9 {named})")

    def _loaded(self) -> _Run:
        if self._run is None:
            raise BackendError("no model is loaded: call load() first")
        return self._run


class _Run:
    """A started engine with the settings of one experiment."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Any,
        info: ModelInfo,
        config: ExperimentConfig,
        clock: Clock,
        source: ModelSource,
        served: ServingFacts,
    ) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._info = info
        self._config = config
        self._clock = clock
        self._is_local = source.is_local
        self._lora = _lora_request(config)
        self._params: dict[int, Any] = {}
        """By the place in the workload."""
        self.prompt_facts = PromptFacts()
        self.keeps_prefixes = True
        self.serving_facts = served

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        """Tokenise the workload as the other backends do that read the model's own tokenizer."""
        config, workload = self._config, self._config.workload
        if not (self._is_local or was_tried(config, prompts)):
            problems = prompt_problems(config, prompts)
            if problems:
                raise BackendError(problems[0])
        encoded = encode(self._tokenizer, prompts, workload, self._info.vocab_size or len(self._tokenizer))
        check_context(encoded, workload, self._info.context_length)
        self.prompt_facts = describe_prompts(self._tokenizer, encoded, workload)
        ends = self.serving_facts.stop_token_ids or ()
        self._params = {index: _sampling_params(config, index, ends) for index in range(len(encoded))}
        return [
            EncodedRequest(prompt=prompt, index=index, prompt_tokens=len(ids), token_ids=tuple(ids))
            for index, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True))
        ]

    async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        with self._engine.failures_explained():
            async for chunk in self._engine.loop.relay(partial(self._chunks, request)):
                yield chunk

    async def _chunks(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """Yield the messages of one request in the engine's loop, so that their times are those of their arrival."""
        encoded, tokens = request.encoded, 0
        outputs = self._engine.generate(
            encoded.token_ids, self._params[encoded.index], request.request_id, self._lora
        )
        async for output in outputs:
            chunk = as_chunk(output, self._clock.now_ns(), tokens)
            tokens += chunk.tokens
            yield chunk

    def reset_prefix_cache(self) -> str | None:
        with self._engine.failures_explained():
            return self._engine.reset_prefix_cache()

    def steps(self) -> StepTable | None:
        return None if "steps" in self._info.unknown else self._engine.steps.take()

    def fingerprints(self) -> Mapping[str, str]:
        return tokenizer_digests(self._tokenizer)


def _sampling_params(config: ExperimentConfig, index: int, ends: Sequence[int]) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(**sampling_arguments(config, index, ends), output_kind=RequestOutputKind.DELTA)


def _lora_request(config: ExperimentConfig) -> Any:
    adapter = options_of(config).lora_adapter
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, adapter)
