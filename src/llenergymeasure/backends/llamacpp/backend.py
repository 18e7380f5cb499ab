"""The llama.cpp backend: GGUF models on CPU or CUDA, by llama.cpp's own server engine."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from llenergymeasure.backends.base import Chunk, Done, EncodedRequest, ScheduledRequest
from llenergymeasure.backends.gguf import gguf_file
from llenergymeasure.backends.host_memory import HostPeak
from llenergymeasure.backends.llamacpp.completion import completion_body
from llenergymeasure.backends.llamacpp.engine import Engine
from llenergymeasure.backends.llamacpp.facts import describe, describe_serving
from llenergymeasure.backends.llamacpp.parameters import (
    common_params,
    context_of_slot,
    keeps_prefixes,
    options_of,
)
from llenergymeasure.backends.llamacpp.prompts import EngineTokenizer
from llenergymeasure.backends.llamacpp.serving import Serving
from llenergymeasure.backends.llamacpp.unsupported import refusals
from llenergymeasure.backends.prompts import encode_requests
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from llenergymeasure.domain.model.files.gguf_tokenizer import tokenizer_digest
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError


class LlamaCppBackend:
    """Batches continuously, all at once (`run`) or request by request (`stream`); see `backends.base`."""

    name: ClassVar[str] = "llamacpp"

    def __init__(self) -> None:
        self._host_peak = HostPeak()
        self._run: _Run | None = None

    def check(self, config: ExperimentConfig) -> list[str]:
        return refusals(config)

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """llama.cpp makes the context of a GPU when it loads a model onto it."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        file = gguf_file(config)
        engine = Engine(common_params(config, file), config.model)
        try:
            self._run = _Run(engine, config, clock, file)
        except BaseException:
            engine.close()
            raise
        return self._run.info

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        return self._loaded().encode(prompts)

    def max_batch_size(self) -> int:
        return options_of(self._loaded().config).n_parallel

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Serve the requests in their order, as many at a time as there are slots."""
        self._loaded().serving.run(requests, done)

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """Send one request; an answer that nobody waits for any more ends with its next token."""
        return self._loaded().serving.stream(request)

    def processes(self) -> Collection[int]:
        return (os.getpid(),)

    def synchronize(self) -> None:
        """Wait for answers that were cut off; an open stream is left alone."""
        self._loaded().serving.wait_until_idle()

    def keeps_prefixes(self) -> bool:
        """Return whether prompts of requests that have ended may be reused."""
        return keeps_prefixes(self._loaded().config)

    def reset_prefix_cache(self) -> str | None:
        if not self.keeps_prefixes():
            return None
        return "llama.cpp keeps prompts in its slots and in memory beside them, and nothing empties both"

    def serving_facts(self) -> ServingFacts:
        return describe_serving(self._loaded().config)

    def fingerprints(self) -> Mapping[str, str]:
        return self._loaded().fingerprints()

    def prompt_facts(self) -> PromptFacts:
        return self._loaded().prompt_facts

    def reset_peak_memory(self) -> None:
        self._host_peak.reset()

    def peak_memory_bytes(self) -> dict[str, int]:
        return self._host_peak.read()

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.close()
        gc.collect()

    def _loaded(self) -> _Run:
        if self._run is None:
            raise BackendError("no model is loaded: call load() first")
        return self._run


class _Run:
    """A loaded model with the settings of one experiment."""

    def __init__(self, engine: Engine, config: ExperimentConfig, clock: Clock, file: Path) -> None:
        self.config = config
        self.info = describe(config, file)
        self.prompt_facts = PromptFacts()
        self.serving = Serving(engine, clock, self._body)
        self._engine = engine
        self._file = file
        self._header = read_gguf_header(file)
        self._tokenizer = EngineTokenizer(engine, file, self._header)
        self._bodies: dict[EncodedRequest, bytes] = {}
        """Those of the workload, written before the first window."""

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        workload = self.config.workload
        limits = (context_of_slot(self.config), self.info.context_length)
        context = min(each for each in limits if each is not None)
        requests = encode_requests(self._tokenizer, prompts, workload, context)
        if workload.chat_template and workload.dataset != "synthetic":
            self.prompt_facts = PromptFacts(
                opens_answer=self._tokenizer.opens_answer(), reads_clock=self._tokenizer.reads_clock()
            )
        self._bodies = {each: completion_body(each, self.config) for each in requests}
        return requests

    def fingerprints(self) -> Mapping[str, str]:
        """Return the digests of tokenizer and chat template."""
        return {
            "tokenizer_sha256": tokenizer_digest(self._file, self._header),
            **self._tokenizer.template_digest(),
        }

    def close(self) -> None:
        self._engine.close()

    def _body(self, request: ScheduledRequest) -> bytes:
        known = self._bodies.get(request.encoded)
        return completion_body(request.encoded, self.config) if known is None else known
