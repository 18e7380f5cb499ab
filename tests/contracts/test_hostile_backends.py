"""Every method of a backend may raise anything: the run ends with one sentence that names backend and method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from llenergymeasure.backends.base import Backend, OfflineBackend
from llenergymeasure.backends.guarded import make_backend
from llenergymeasure.exceptions import BackendError
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import installed

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
@pytest.mark.parametrize(
    "stream", [_no_generator, lambda _: None, lambda _: [1], lambda: 1, _texts, _nothing_but_none]
)
def test_a_stream_that_is_none_or_yields_something_else_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[..., Any]
) -> None:
    monkeypatch.setattr(Hostile, "stream", staticmethod(stream), raising=False)

    async def read() -> None:
        async for _ in make_backend("hostile").stream(None):  # type: ignore[attr-defined]
            pass

    with (
        installed("backends", HOSTILE),
        pytest.raises(BackendError, match=r"^backend 'hostile' failed in stream\(\): TypeError: [^\n]+$"),
    ):
        asyncio.run(read())
