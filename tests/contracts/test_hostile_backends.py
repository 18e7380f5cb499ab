"""Every method of a backend may raise anything: the run ends with one sentence that names backend and method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from llenergymeasure.backends.base import Backend, Chunk, EncodedRequest, OfflineBackend
from llenergymeasure.backends.guarded import make_backend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request import Prompt, ServerTimes
from llenergymeasure.exceptions import BackendError
from llenergymeasure.harness.closing import close_and_note
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.orchestration.readiness.checks import check_backend_options
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import VirtualClock, installed

METHODS = sorted(
    name
    for kind in (Backend, OfflineBackend)
    for name in vars(kind)
    if callable(vars(kind)[name]) and name[0] != "_"
)


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Hostile:
    """Raises in every method what the test asks for."""

    name = "hostile"
    raised: BaseException = RuntimeError()

    def __getattr__(self, method: str) -> object:
        if method not in METHODS:
            raise AttributeError(method)

        def fail(*_arguments: object) -> None:
            raise self.raised

        return fail


HOSTILE = Plugin(name="hostile", target=f"{__name__}:Hostile", install="pip install hostile")


@pytest.mark.parametrize(
    "raised", [RuntimeError(""), SystemExit(3), _Unspeakable(), EOFError("EOF when reading a line")]
)
@pytest.mark.parametrize("method", METHODS)
def test_whatever_a_backend_raises_is_one_sentence(method: str, raised: BaseException) -> None:
    Hostile.raised = raised
    with installed("backends", HOSTILE):
        backend = make_backend("hostile")
        with pytest.raises(
            BackendError, match=rf"^backend 'hostile' failed in {method}\(\): [^\n]+$"
        ) as told:
            getattr(backend, method)(None)
    assert type(raised).__name__ in str(told.value)


def test_an_interrupt_passes() -> None:
    Hostile.raised = KeyboardInterrupt()
    with installed("backends", HOSTILE), pytest.raises(KeyboardInterrupt):
        make_backend("hostile").synchronize()


async def _no_generator(_request: object) -> int:
    return 1


async def _texts(_request: object) -> AsyncIterator[str]:
    yield "token"


async def _nothing_but_none(_request: object) -> AsyncIterator[None]:
    yield None


@pytest.mark.filterwarnings("ignore:coroutine '_no_generator' was never awaited")
async def _read_stream() -> None:
    async for _ in make_backend("hostile").stream(None):  # type: ignore[attr-defined]
        pass


@pytest.mark.parametrize(
    "stream", [_no_generator, lambda _: None, lambda _: [1], lambda: 1, _texts, _nothing_but_none]
)
def test_a_stream_that_is_none_or_yields_something_else_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[..., Any]
) -> None:
    monkeypatch.setattr(Hostile, "stream", staticmethod(stream), raising=False)

    with (
        installed("backends", HOSTILE),
        pytest.raises(BackendError, match=r"^backend 'hostile' failed in stream\(\): TypeError: [^\n]+$"),
    ):
        asyncio.run(_read_stream())


class Request:
    """Has the fields of an encoded request, and is none."""

    index, prompt_tokens = 0, 1


def _encoded(**fields: Any) -> list[EncodedRequest]:
    return [EncodedRequest(**{"prompt": Prompt(prompt_id="a"), "index": 0, "prompt_tokens": 3, **fields})]


RETURNED: tuple[tuple[str, Any, str], ...] = (
    ("load", "gpt2", "it returns an object of type str, not a ModelInfo"),
    ("load", None, "it returns None, not a ModelInfo"),
    ("load", {"name": "gpt2"}, "of type dict, not a ModelInfo"),
    ("encode", None, "it returns None, not a list of EncodedRequest"),
    ("encode", "text", "of type str, not a list of EncodedRequest"),
    ("encode", [None], "a list with None in it"),
    ("encode", [Request()], "a list with an object of type Request in it"),
    ("encode", [], "it returns 0 requests for 1 prompts"),
    ("encode", _encoded() * 2, "it returns 2 requests for 1 prompts"),
    ("encode", _encoded(index=1), "request 0 of what it returns says index=1"),
    ("encode", _encoded(prompt_tokens=-1), "prompt_tokens=-1, which is no number of tokens"),
    ("encode", _encoded(prompt_tokens=2.5), "prompt_tokens=2.5, which is no number of tokens"),
    ("encode", _encoded(prompt_tokens=None), "prompt_tokens=None, which is no number of tokens"),
    ("processes", None, "it returns None, not a list of process ids"),
    ("processes", ["1"], "not a list of process ids"),
    ("max_batch_size", 0, "it returns 0, not a number of requests from 1 on"),
    ("max_batch_size", None, "it returns None, not a number of requests"),
    ("max_batch_size", 2.0, "it returns 2.0, not a number of requests"),
    ("compile_seconds", float("nan"), "it returns nan, not a time in seconds or None"),
    ("compile_seconds", -1.0, "it returns -1.0, not a time in seconds or None"),
    ("fingerprints", {"tokenizer": None}, "not a dict of digests by name"),
    ("fingerprints", None, "it returns None, not a dict of digests by name"),
    ("prompt_facts", {}, "of type dict, not a PromptFacts"),
)


@pytest.mark.parametrize(("method", "returned", "said"), RETURNED)
def test_what_a_method_must_not_return_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, method: str, returned: Any, said: str
) -> None:
    monkeypatch.setattr(Hostile, method, lambda *_: returned, raising=False)
    with (
        installed("backends", HOSTILE),
        pytest.raises(
            BackendError, match=rf"^backend 'hostile' failed in {method}\(\): [^\n]+ → report it"
        ) as told,
    ):
        getattr(make_backend("hostile"), method)([Prompt(prompt_id="a")])
    assert said in str(told.value)


@pytest.mark.parametrize("field", ["n_parameters", "n_matmul_parameters", "weight_bytes"])
def test_a_model_of_less_than_nothing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    facts = {"name": "m", "architecture": "a", "n_parameters": 1, "n_matmul_parameters": 1, "dtype": "fp32"}
    load = lambda *_: ModelInfo.model_validate({**facts, field: -1})  # noqa: E731
    monkeypatch.setattr(Hostile, "load", load, raising=False)
    with (
        installed("backends", HOSTILE),
        pytest.raises(BackendError, match=rf"^backend 'hostile' failed in load\(\): [^\n]+{field}[^\n]+$"),
    ):
        make_backend("hostile").load(None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("peaks", [{"host": -1}, {"host": 1.5}, {"host": None}, {0: 1}, None, [1]])
def test_a_peak_that_cannot_be_is_refused_after_the_first_window(peaks: Any) -> None:
    class Memory:
        name = "hostile"

        def reset_peak_memory(self) -> None: ...

        def peak_memory_bytes(self) -> Any:
            return peaks

    log = Recorder(clock=VirtualClock(), memory=Memory())
    with (
        pytest.raises(BackendError, match=r"backend 'hostile' failed in peak_memory_bytes\(\): "),
        log.phase("window", 0),
    ):
        pass
    assert [(phase.name, phase.complete) for phase in log.phases] == [("window", True)]


CHUNKS: tuple[dict[str, Any], ...] = (
    {"tokens": -1},
    {"tokens": 1.5},
    {"tokens": None},
    {"unix_ns": 1.7e18},
    {"unix_ns": None},
    {"output_tokens": -5},
    {"output_tokens": "6"},
    {"cached_prompt_tokens": -1},
    {"server": {"queued_s": 1}},
    {"server": ServerTimes(prefill_s=-1.0)},
    {"server": ServerTimes(decode_s=float("inf"))},
)


@pytest.mark.parametrize("fields", CHUNKS)
def test_a_message_that_cannot_be_ends_the_run_and_is_not_taken_for_a_failed_request(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    async def stream(_request: object) -> AsyncIterator[Chunk]:
        yield Chunk(**{"unix_ns": 1, "tokens": 1, **fields})

    monkeypatch.setattr(Hostile, "stream", staticmethod(stream), raising=False)

    with (
        installed("backends", HOSTILE),
        pytest.raises(BackendError, match=r"^backend 'hostile' failed in stream\(\): [^\n]+$"),
    ):
        asyncio.run(_read_stream())


@pytest.mark.parametrize("returned", [None, "no", 7, [1], {"a": 1}])
def test_a_check_that_gives_no_list_of_texts_is_named(monkeypatch: pytest.MonkeyPatch, returned: Any) -> None:
    monkeypatch.setattr(Hostile, "check", lambda *_: returned, raising=False)
    with installed("backends", HOSTILE):
        (failure,) = check_backend_options(ExperimentConfig(model="m", backend="hostile"))
    assert "backend 'hostile' failed while checking the configuration: TypeError: it returns" in failure


def test_a_backend_that_fails_to_close_costs_a_warning() -> None:
    Hostile.raised = ValueError("not my day")
    log = Recorder(clock=VirtualClock())
    with installed("backends", HOSTILE):
        close_and_note(make_backend("hostile").close, log)
    (fault,) = log.facts.closing_faults
    assert fault.startswith("backend 'hostile' failed in close(): ValueError: not my day")
