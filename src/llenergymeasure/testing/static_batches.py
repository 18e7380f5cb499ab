"""A stand-in backend that serves static batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, ValidationError

from llenergymeasure.backends.base import Generation, PreparedBatch
from llenergymeasure.config.base import Section
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError
from llenergymeasure.plugins import Plugin


class StandInOptions(Section):
    """What the stand-in does, under `options:`."""

    token_s: float = Field(0.001, ge=0)
    """Time one decoding step of a batch takes."""
    output_tokens: int = Field(8, ge=1)
    """Tokens of every answer; `workload.max_output_tokens` still limits them."""
    batch_size: int = Field(4, ge=1)
    """Requests that are generated together."""
    drift: float = 0.0
    """Each batch takes this fraction longer than the one before."""
    fail_at_batch: int | None = None
    """Run out of memory at this batch, counted over the whole run from 0."""


STANDIN = Plugin(name="standin", target="llenergymeasure.testing.static_batches:StandInBackend")


class StandInBackend:
    """Serves made-up tokens at a stated speed: it needs nothing, and its costs are known."""

    name: ClassVar[str] = "standin"

    def __init__(self) -> None:
        self._options = StandInOptions()
        self._max_output_tokens = 1
        self._clock: Clock = AnchoredClock()
        self._served = 0

    def check(self, config: ExperimentConfig) -> list[str]:
        try:
            StandInOptions.model_validate(config.options or {})
        except ValidationError as error:
            return [f"options.{each['loc'][0]}: {each['msg']}" for each in error.errors()]
        return []

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """There is no device here."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        self._options = StandInOptions.model_validate(config.options or {})
        self._max_output_tokens = config.workload.max_output_tokens
        self._clock = clock
        return ModelInfo(
            name=config.model,
            architecture="StandIn",
            n_parameters=1000,
            n_matmul_parameters=1000,
            dtype=config.precision,
        )

    def prepare(self, prompts: Sequence[Prompt]) -> list[PreparedBatch]:
        size = self._options.batch_size
        chunks = [prompts[start : start + size] for start in range(0, len(prompts), size)]
        return [
            PreparedBatch(
                index=index,
                prompt_ids=tuple(prompt.prompt_id for prompt in chunk),
                prompt_tokens=tuple(prompt.n_tokens or len((prompt.text or "").split()) for prompt in chunk),
                inputs=None,
            )
            for index, chunk in enumerate(chunks)
        ]

    def generate(self, batch: PreparedBatch) -> list[Generation]:
        if self._served == self._options.fail_at_batch:
            raise BackendError("out of memory in the stand-in: lower options.batch_size")
        sent = self._clock.now_ns()
        times = self._decode()
        self._served += 1
        return [
            Generation(
                prompt_id=prompt_id,
                prompt_tokens=prompt_tokens,
                output_tokens=len(times),
                sent_unix_ns=sent,
                first_token_unix_ns=times[0],
                end_unix_ns=times[-1],
                token_unix_ns=times,
                finish_reason="length",
            )
            for prompt_id, prompt_tokens in zip(batch.prompt_ids, batch.prompt_tokens, strict=True)
        ]

    def _decode(self) -> tuple[int, ...]:
        step_s = self._options.token_s * (1 + self._options.drift) ** self._served
        times = []
        for _ in range(min(self._options.output_tokens, self._max_output_tokens)):
            self._clock.sleep(step_s)
            times.append(self._clock.now_ns())
        return tuple(times)

    def synchronize(self) -> None:
        """Nothing runs behind the host's back here."""

    def reset_peak_memory(self) -> None:
        """There is no device whose memory could be asked for."""

    def peak_memory_bytes(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        self._served = 0
