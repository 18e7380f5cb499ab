"""The PyTorch backend: transformers' `generate` on CPU or CUDA."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from llenergymeasure.backends.base import Done, EncodedRequest, ScheduledRequest
from llenergymeasure.backends.host_memory import HostPeak
from llenergymeasure.backends.prompts import check_context
from llenergymeasure.backends.pytorch.arguments import options_of
from llenergymeasure.backends.pytorch.context import create_contexts
from llenergymeasure.backends.pytorch.decoding import pads_apart, rows, take_over_decoding
from llenergymeasure.backends.pytorch.error_messages import explain_generating, explain_loading
from llenergymeasure.backends.pytorch.execution.compiling import compile_ahead, compile_seconds, compiles
from llenergymeasure.backends.pytorch.execution.seeds import seed_batch, seed_everything
from llenergymeasure.backends.pytorch.execution.tokenizer_digest import tokenizer_digests
from llenergymeasure.backends.pytorch.facts.info import describe
from llenergymeasure.backends.pytorch.facts.serving import describe_serving
from llenergymeasure.backends.pytorch.generation import Generation, StaticBatch, as_record, generate_batch
from llenergymeasure.backends.pytorch.loading import Loaded, load
from llenergymeasure.backends.pytorch.memory import gpu_peaks, release_gpu_memory, reset_gpu_peaks
from llenergymeasure.backends.pytorch.placement import input_device
from llenergymeasure.backends.pytorch.prompts.output_check import check_outputs
from llenergymeasure.backends.pytorch.prompts.tokens import (
    check_padding,
    describe_prompts,
    encode,
    make_batch,
)
from llenergymeasure.backends.pytorch.prompts.trial import is_worth_a_trial, prompt_problems, was_tried
from llenergymeasure.backends.pytorch.rehearsal.assistant import assistant_refusals
from llenergymeasure.backends.pytorch.rehearsal.rehearse import rehearse
from llenergymeasure.backends.pytorch.speculation.assistant import SETTING, assistant_config, load_assistant
from llenergymeasure.backends.pytorch.speculation.drafts import DraftWatch, speculates
from llenergymeasure.backends.pytorch.steps import StepColumns
from llenergymeasure.backends.pytorch.unsupported import refusals
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.exceptions import BackendError

T = TypeVar("T")


class PyTorchBackend:
    """Static batches through `AutoModelForCausalLM.generate`; see `backends.base.OfflineBackend`."""

    name: ClassVar[str] = "pytorch"

    def __init__(self) -> None:
        self._host_peak = HostPeak()
        self._run: _Run | None = None

    def check(self, config: ExperimentConfig) -> list[str]:
        return refusals(config) or [*rehearse(config), *assistant_refusals(config)]

    def other_models(self, config: ExperimentConfig) -> Mapping[str, ExperimentConfig]:
        """Return the assistant of speculative decoding, where there is one."""
        assistant = assistant_config(config)
        return {} if assistant is None else {SETTING: assistant}

    def check_prompts(self, config: ExperimentConfig, prompts: Sequence[Prompt]) -> list[str]:
        return prompt_problems(config, prompts) if is_worth_a_trial(config) else []

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        if config.device == "cuda":
            create_contexts(config)

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        seed_everything(config.random_seed)
        loaded = load(config)
        assistant = load_assistant(config, loaded)
        with explain_loading(f"model {config.model}"):  # a model's own code answers here
            info = describe(loaded, config, assistant)
            self._run = _Run(loaded, info, config, clock, assistant)
        return info

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        return self._loaded().encode(prompts)

    def max_batch_size(self) -> int:
        return self._loaded().batch_size

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Serve the requests in batches of `pytorch.batch_size`, in their order; those of a batch end together."""
        self._loaded().run(requests, done)

    def processes(self) -> Collection[int]:
        return (os.getpid(),)

    def synchronize(self) -> None:
        self._loaded().synchronize()

    def fingerprints(self) -> Mapping[str, str]:
        return self._loaded().fingerprints()

    def prompt_facts(self) -> PromptFacts:
        return self._loaded().prompt_facts

    def serving_facts(self) -> ServingFacts:
        return self._loaded().serving_facts()

    def compile_seconds(self) -> float | None:
        return compile_seconds()

    def steps(self) -> StepTable | None:
        """Return the forward passes since the last call; None for beam search, whose token times are not known."""
        return self._loaded().steps()

    def reset_peak_memory(self) -> None:
        self._host_peak.reset()
        reset_gpu_peaks()

    def peak_memory_bytes(self) -> dict[str, int]:
        return {**gpu_peaks(), **self._host_peak.read()}

    def close(self) -> None:
        self._run = None
        gc.collect()
        release_gpu_memory()

    def _loaded(self) -> _Run:
        if self._run is None:
            raise BackendError("no model is loaded: call load() first")
        return self._run


class _Run:
    """A loaded model with the settings of one experiment."""

    def __init__(
        self, loaded: Loaded, info: ModelInfo, config: ExperimentConfig, clock: Clock, assistant: Any
    ) -> None:
        self._model: Any = loaded.model
        self._tokenizer: Any = loaded.tokenizer
        self._info = info
        self._is_local = loaded.source.is_local
        self._config = config
        self._clock = clock
        self._pads_apart = pads_apart(self._model, self._tokenizer)
        self._settings: Any = take_over_decoding(self._model, self._tokenizer, config)
        self._batches: dict[tuple[EncodedRequest, ...], StaticBatch] = {}
        """Those of the workload, laid out on the device before the first window."""
        self._steps = StepColumns()
        self._assistant = assistant
        self._drafts = DraftWatch(self._model) if speculates(options_of(config)) else None
        self.batch_size = options_of(config).batch_size
        self.prompt_facts = PromptFacts()

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        """Tokenise the workload, lay its batches out on the device, and compile what they need."""
        workload = self._config.workload
        if not (self._is_local or was_tried(self._config, prompts)):  # else pre-flight has tried it
            problems = prompt_problems(self._config, prompts)
            if problems:
                raise BackendError(problems[0])
        encoded = encode(self._tokenizer, prompts, workload, rows(self._model))
        check_context(encoded, workload, self._info.context_length)
        self.prompt_facts = describe_prompts(self._tokenizer, encoded, workload)
        requests = [
            EncodedRequest(prompt=prompt, index=index, prompt_tokens=len(ids), token_ids=tuple(ids))
            for index, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True))
        ]
        batches = [self._batch(each) for each in self._split(requests)]
        check_padding(batches, self._config.decoder, pads_apart=self._pads_apart)
        self._batches = {batch.requests: batch for batch in batches}
        check_outputs(self._model, batches, self._settings)
        if compiles(options_of(self._config)):
            compile_ahead(batches, self.generate)
        return requests

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        for part in self._split(requests):
            batch = self._batch([request.encoded for request in part])
            generations = self.generate(batch)
            self._steps.append(generations)
            for request, generation in zip(part, generations, strict=True):
                done(as_record(request, generation, batch.index))

    def steps(self) -> StepTable | None:
        """Return the forward passes since the last call, in time order; None where they are not known."""
        return self._steps.take() if self._settings.num_beams == 1 else None

    def serving_facts(self) -> ServingFacts:
        """Return how answers are chosen and ended."""
        return describe_serving(self._settings, options_of(self._config), self._info)

    def fingerprints(self) -> Mapping[str, str]:
        """Return the digests of the tokenizer."""
        return tokenizer_digests(self._tokenizer)

    def synchronize(self) -> None:
        """Wait for the GPUs of this model; a question to any other would create a context there."""
        import torch

        for device in self._info.devices:
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)

    def generate(self, batch: StaticBatch) -> list[Generation]:
        """Serve one batch; what sampling draws is a function of the seed and of the batch's place in the workload."""
        if self._settings.do_sample:
            seed_batch(self._config.random_seed, batch.index)
        with explain_generating(
            f"a batch of {len(batch.requests)} prompts of up to {max(batch.prompt_tokens)} tokens"
        ):
            return generate_batch(
                self._model, batch, self._settings, self._clock, self._drafts, self._assistant
            )

    def _split(self, requests: Sequence[T]) -> Iterator[Sequence[T]]:
        for start in range(0, len(requests), self.batch_size):
            yield requests[start : start + self.batch_size]

    def _batch(self, requests: Sequence[EncodedRequest]) -> StaticBatch:
        known = self._batches.get(tuple(requests))
        if known is not None:
            return known
        index = requests[0].index // self.batch_size
        return make_batch(requests, index, self._settings.pad_token_id, input_device(self._model))
