"""The seam between inference software and the harness."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeGuard

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.request import FinishReason, Prompt, RequestRecord, ServerTimes
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.domain.step_table import StepTable

Done = Callable[[RequestRecord], None]
"""Takes each request when it has ended, from any thread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedRequest:
    """A prompt as the model reads it. Compared by identity: a backend may keep what it has prepared for it."""

    prompt: Prompt
    index: int
    """Place in the workload, from 0."""
    prompt_tokens: int
    """Tokens of the prompt, special tokens included, without padding."""
    token_ids: tuple[int, ...] = ()
    """Empty where only the inference software knows them."""


@dataclass(frozen=True, kw_only=True)
class ScheduledRequest:
    """A request as a load driver sends it."""

    request_id: str
    """Unique within the run."""
    repeat: int
    scheduled_unix_ns: int
    """When it was due; a request that is sent later has waited in the client."""
    encoded: EncodedRequest


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One message of a stream, as it reached the client."""

    unix_ns: int
    tokens: int
    """Generated tokens of any kind in it; 0 for a message with a role alone, an empty one or a comment."""
    is_counted: bool = True
    """False where it has tokens and how many is not known: `tokens` is then 1."""
    is_answer: bool | None = None
    """Whether a token of it belongs to the visible answer, a tool call included, and not to what the model writes
    before it (reasoning); None where the backend does not tell one from the other."""
    finish_reason: FinishReason | None = None
    """In the last message with tokens, or after it."""
    output_tokens: int | None = None
    """All tokens of the answer as the server counts them, where this message states it (`usage`)."""
    prompt_tokens: int | None = None
    """Tokens of the prompt as the server counts them, where this message states it."""
    cached_prompt_tokens: int | None = None
    server: ServerTimes | None = None


class RequestError(Exception):
    """One request failed and the backend lives on: the request is recorded with this status and kind."""

    def __init__(self, kind: str, status: Literal["error", "timeout", "rejected"] = "error") -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status


class Backend(Protocol):
    """Inference software for one experiment: its life, whatever the way in which requests reach it.

    Constructed without arguments, heavy imports inside methods. Order of calls: `check` at pre-flight; then `attach`
    (not on a CPU), `load`, `encode`, any number of requests with `synchronize` around what is timed, and `close` in
    any case, also after a failed `load`. A backend is an `OfflineBackend`, an `OnlineBackend`, or both.
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

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        """Tokenise and truncate the prompts of the workload, in their order; outside every window.

        What can be prepared for a request (tensors on the device, say) is prepared here.
        """
        ...

    def processes(self) -> Collection[int]:
        """Return the ids of all processes that belong to this backend, a server's workers included."""
        ...

    def synchronize(self) -> None:
        """Return when the device has done all it was given; at once while a stream is open."""
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


class OfflineBackend(Backend, Protocol):
    """Takes many requests at once and serves them in its own order (static batches, continuous batching)."""

    def max_batch_size(self) -> int:
        """Return how many requests it computes together at most; the warm-up serves that many at a time."""
        ...

    def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
        """Serve these requests and return when all have ended; call `done` as each ends, from any thread.

        A request that fails alone is reported with its status and the rest goes on.

        Raises:
            BackendError: no further request can be served, with what to try; out of memory included.
        """
        ...


class OnlineBackend(Backend, Protocol):
    """Serves one request at a time to each of many clients, as a stream."""

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        """Send one request and yield its messages as they come; many streams are open at once in one event loop.

        Raises:
            RequestError: this request failed; others may succeed.
            BackendError: no further request can be served, with what to try.
        """
        ...


class ReportsSteps(Protocol):
    """What a backend offers in addition where its engine reports its iterations."""

    def steps(self) -> Sequence[StepRecord] | StepTable | None:
        """Return the iterations since the last call, in time order; None where they are not known as configured.

        Asked outside of windows. Iterations of `load`, `encode` and `attach` are not among them. A table takes a tenth
        of the memory of as many records.
        """
        ...


class ResetsPrefixCache(Protocol):
    """What a backend offers in addition where its engine keeps the prefixes of prompts between requests."""

    def reset_prefix_cache(self) -> str | None:
        """Empty the cache; return None once the engine has confirmed that, else why it is not empty, in one sentence.

        Asked outside of windows, with nothing in flight.
        """
        ...


class ReportsCompiling(Protocol):
    """What a backend offers in addition where it compiles code while it serves."""

    def compile_seconds(self) -> float | None:
        """Return how long it has compiled until now; None where that is not known."""
        ...


class Fingerprinted(Protocol):
    """What a backend offers in addition where it has the tokenizer."""

    def fingerprints(self) -> Mapping[str, str]:
        """Return SHA-256 digests of what it loaded, by field of `domain.fingerprints.Fingerprints`."""
        ...


def compile_seconds(backend: Backend) -> float | None:
    """Return how long a backend has compiled until now; None where it does not tell."""
    tell: Callable[[], float | None] | None = getattr(backend, "compile_seconds", None)
    return None if tell is None else tell()


class LoadsOtherModels(Protocol):
    """What a backend offers in addition where it loads more than the model that is measured."""

    def other_models(self, config: ExperimentConfig) -> Mapping[str, ExperimentConfig]:
        """Return them by the setting that names them, each in the place of `model`: they are looked into as it is."""
        ...


def other_models(backend: object, config: ExperimentConfig) -> Mapping[str, ExperimentConfig]:
    """Return what a backend loads beside the model that is measured, by the setting that names it."""
    tell: Callable[..., Mapping[str, ExperimentConfig]] | None = getattr(backend, "other_models", None)
    return {} if tell is None else tell(config)


class DescribesPrompts(Protocol):
    """What a backend offers in addition where it has the tokenizer and the chat template."""

    def prompt_facts(self) -> PromptFacts:
        """Return what became of the prompts that were encoded last."""
        ...


def prompt_facts(backend: Backend) -> PromptFacts | None:
    """Return what became of the prompts; None where the backend does not tell."""
    tell: Callable[[], PromptFacts] | None = getattr(backend, "prompt_facts", None)
    return None if tell is None else tell()


MOST_TRIED = 10_000
"""Prompts that are tried before the model is loaded, in some ten seconds."""


class ChecksPrompts(Protocol):
    """What a backend offers in addition where it can try the prompts before the model is loaded, the first of them."""

    def check_prompts(self, config: ExperimentConfig, prompts: Sequence[Prompt]) -> list[str]:
        """Return why these prompts cannot be encoded, one sentence each; empty where that is not known yet."""
        ...


def reports_steps(backend: object) -> TypeGuard[ReportsSteps]:
    """Whether the engine of a backend may report its iterations."""
    return callable(getattr(backend, "steps", None))


def resets_prefix_cache(backend: object) -> TypeGuard[ResetsPrefixCache]:
    """Whether the engine of a backend can be asked to forget the prompts of earlier requests."""
    return callable(getattr(backend, "reset_prefix_cache", None))


def serves_offline(backend: Backend | type[Backend]) -> TypeGuard[OfflineBackend]:
    """Whether a backend takes many requests at once."""
    return callable(getattr(backend, "run", None))


def checks_prompts(backend: object) -> TypeGuard[ChecksPrompts]:
    """Whether a backend can try prompts before the model is loaded."""
    return callable(getattr(backend, "check_prompts", None))


def serves_online(backend: Backend | type[Backend]) -> TypeGuard[OnlineBackend]:
    """Whether a backend streams single requests."""
    return callable(getattr(backend, "stream", None))
