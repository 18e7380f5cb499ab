"""The seam between inference software and the harness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import FinishReason, Prompt


@dataclass(frozen=True, kw_only=True)
class PreparedBatch:
    """Requests that go to the model together; `inputs` is the backend's own (tokenised, on the device)."""

    index: int
    prompt_ids: tuple[str, ...]
    prompt_tokens: tuple[int, ...]
    inputs: Any


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What became of one prompt: see `domain.request.RequestRecord` for what is counted."""

    prompt_id: str
    prompt_tokens: int
    output_tokens: int
    sent_unix_ns: int
    first_token_unix_ns: int | None
    end_unix_ns: int
    token_unix_ns: tuple[int, ...]
    finish_reason: FinishReason
    output_ids: tuple[int, ...] = ()


class Backend(Protocol):
    """Inference software for one experiment; constructed without arguments, heavy imports inside methods.

    Order of calls: `check` at pre-flight; then `attach` (not on a CPU), `load`, `prepare`, any number of
    `generate` with `synchronize` around what is timed, and `close` in any case, also after a failed `load`.
    """

    name: ClassVar[str]

    def check(self, config: ExperimentConfig) -> list[str]:
        """Return what this backend cannot do as configured, one sentence each; cheap, loads nothing."""
        ...

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """Create the context of every device that the model will use, and load nothing.

        Its idle power is metered next. Where the software cannot do one without the other, do nothing.

        Raises:
            BackendError: with what to try.
        """
        ...

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        """Load model and tokenizer and set every seed.

        Raises:
            BackendError: with what to try.
        """
        ...

    def prepare(self, prompts: Sequence[Prompt]) -> list[PreparedBatch]:
        """Tokenise, truncate and batch; outside every window."""
        ...

    def generate(self, batch: PreparedBatch) -> list[Generation]:
        """Serve one batch, in the order of its prompts.

        Raises:
            BackendError: with what to try; out of memory included.
        """
        ...

    def synchronize(self) -> None:
        """Return when the device has done all it was given."""
        ...

    def reset_peak_memory(self) -> None:
        """Begin a new peak."""
        ...

    def peak_memory_bytes(self) -> dict[str, int]:
        """Return the peak since the last reset, by device (`cuda:0`, `host`)."""
        ...

    def close(self) -> None:
        """Give back memory and devices; never raises, may be called twice."""
        ...
