"""The TensorRT-LLM backend: its LLM API, on checkpoints and prebuilt engines."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, ClassVar

from llenergymeasure.backends.base import Chunk, EncodedRequest, ScheduledRequest
from llenergymeasure.backends.prompts import check_context, encode
from llenergymeasure.backends.pytorch.prompts.tokens import TransformersTokenizer
from llenergymeasure.backends.tensorrt.answers import messages
from llenergymeasure.backends.tensorrt.arguments import (
    keeps_prefixes,
    llm_arguments,
    options_of,
    sampling_arguments,
)
from llenergymeasure.backends.tensorrt.unsupported import refusals
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.core.packages import version_of
from llenergymeasure.core.processes.descendants import descendants
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained

logger = logging.getLogger(__name__)

UNTOLD = "TensorRT-LLM does not tell it"


class TensorRTBackend:
    """Streams requests through `LLM.generate_async`, which batches continuously; see `backends.base.OnlineBackend`.

    Written to the published API and tested on a stand-in of it: not yet run on a GPU.
    """

    name: ClassVar[str] = "tensorrt"

    def __init__(self) -> None:
        self._run: _Run | None = None

    def check(self, config: ExperimentConfig) -> list[str]:
        return refusals(config)

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """TensorRT-LLM creates the context of a GPU when it loads a model onto it."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        self._run = _Run(config, clock)
        return self._run.info

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        return self._loaded().encode(prompts)

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        return self._loaded().stream(request)

    def processes(self) -> Collection[int]:
        return self._loaded().processes

    def synchronize(self) -> None:
        """An answer that has ended has left the GPU."""

    def keeps_prefixes(self) -> bool:
        return keeps_prefixes(self._loaded().config)

    def serving_facts(self) -> ServingFacts:
        return self._loaded().serving_facts()

    def reset_peak_memory(self) -> None:
        """The memory is that of the engine's processes, which do not tell it."""

    def peak_memory_bytes(self) -> dict[str, int]:
        return {}

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

    def __init__(self, config: ExperimentConfig, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        before = set(descendants(os.getpid()))
        with explained(_loading(config.model)):
            import tensorrt_llm

            self._llm: Any = tensorrt_llm.LLM(**llm_arguments(config))
            self._new_sampling = tensorrt_llm.SamplingParams
            self._tokenizer: Any = getattr(self._llm.tokenizer, "tokenizer", self._llm.tokenizer)
        self.processes = (os.getpid(), *(set(descendants(os.getpid())) - before))
        self.info = self._describe()

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        tokenizer = TransformersTokenizer(self._tokenizer, len(self._tokenizer))
        encoded = encode(tokenizer, prompts, self.config.workload)
        check_context(encoded, self.config.workload, self.info.context_length)
        return [
            EncodedRequest(prompt=prompt, index=index, prompt_tokens=len(ids), token_ids=tuple(ids))
            for index, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True))
        ]

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        encoded = request.encoded
        most = getattr(encoded.prompt, "max_output_tokens", None)
        sampling = self._new_sampling(**sampling_arguments(self.config, encoded.index, most))
        result = self._llm.generate_async(list(encoded.token_ids), sampling, streaming=True)
        return messages(result, self._clock, tells_cached=self._tells_cached())

    def serving_facts(self) -> ServingFacts:
        """Return what was asked of the engine; the tokens that end an answer are those of its own choice."""
        options = options_of(self.config)
        arguments = sampling_arguments(self.config, 0, None)
        drawn = (
            ("temperature", "top_p", "repetition_penalty")
            if "temperature" in arguments
            else ("repetition_penalty",)
        )
        return ServingFacts(
            engine=f"tensorrt_llm {version_of('tensorrt_llm') or 'of unknown version'}, {options.runtime}",
            context_limit=self.info.context_length,
            sampling={name: arguments[name] for name in drawn if name in arguments},
            chunked_prefill=options.enable_chunked_prefill,
            kv_cache_dtype=None if options.kv_cache_dtype == "auto" else options.kv_cache_dtype,
        )

    def close(self) -> None:
        try:
            self._llm.shutdown()
        except Exception as error:  # noqa: BLE001 - inference software
            logger.debug("TensorRT-LLM does not shut down: %s", error)

    def _tells_cached(self) -> bool:
        """The runtime `tensorrt` leaves the count at 0, also where it reused blocks."""
        return not keeps_prefixes(self.config) or options_of(self.config).runtime == "pytorch"

    def _describe(self) -> ModelInfo:
        options = options_of(self.config)
        gpus = options.tensor_parallel_size * options.pipeline_parallel_size
        limit = getattr(getattr(self._llm, "args", None), "max_seq_len", None) or options.max_seq_len
        return ModelInfo(
            name=self.config.model,
            architecture="unknown to TensorRT-LLM's LLM API",
            n_parameters=None,
            n_matmul_parameters=None,
            context_length=limit,
            dtype=self.config.precision,
            quantisation=options.quantisation,
            devices=tuple(f"cuda:{number}" for number in range(gpus)),
            revision=self.config.revision,
            unknown=dict.fromkeys(("n_parameters", "n_matmul_parameters", "shape", "steps"), UNTOLD),
        )


def _loading(model: str) -> Any:
    return lambda cause: BackendError(
        f"TensorRT-LLM does not load {model}: {cause} → check that this release supports the model and the GPU, or set "
        "another backend"
    )
