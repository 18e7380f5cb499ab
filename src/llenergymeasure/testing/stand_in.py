"""What the stand-in backends have in common: a model of no size that counts words as tokens."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import ClassVar, Generic, TypeVar

from pydantic import Field

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.config.base import Section
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request import Prompt


class TimedOptions(Section):
    """What a stand-in does, in the section with its name."""

    token_s: float = Field(0.001, ge=0)
    """Time one decoding step takes."""
    output_tokens: int = Field(8, ge=1)
    """Tokens of an answer; `workload.max_output_tokens` still limits them."""


Options = TypeVar("Options", bound=TimedOptions)


class StandIn(Generic[Options]):
    """The life of a stand-in backend; see `backends.base.Backend`."""

    name: ClassVar[str]

    def __init__(self, options: type[Options]) -> None:
        self._options_model = options
        self._options = options()
        self._max_output_tokens = 1
        self._clock: Clock = AnchoredClock()

    def check(self, config: ExperimentConfig) -> list[str]:
        return []

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """There is no device here."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        self._options = config.options_of(self.name, self._options_model)
        self._max_output_tokens = config.workload.max_output_tokens
        self._clock = clock
        return ModelInfo(
            name=config.model,
            architecture="StandIn",
            n_parameters=1000,
            n_matmul_parameters=1000,
            dtype=config.precision,
        )

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        return [
            EncodedRequest(
                prompt=prompt, index=index, prompt_tokens=prompt.n_tokens or len((prompt.text or "").split())
            )
            for index, prompt in enumerate(prompts)
        ]

    def processes(self) -> Collection[int]:
        return (os.getpid(),)

    def synchronize(self) -> None:
        """Nothing runs behind the host's back here."""

    def reset_peak_memory(self) -> None:
        """There is no device whose memory could be asked for."""

    def peak_memory_bytes(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """Nothing is held."""

    def _answer_tokens(self, request: ScheduledRequest | None = None) -> int:
        """Return the tokens of an answer; a request may limit its own."""
        own = None if request is None else request.encoded.prompt.max_output_tokens
        return min(self._options.output_tokens, own or self._max_output_tokens)
