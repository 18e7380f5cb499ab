"""Every method of a backend may raise anything: the run ends with one sentence that names backend and method."""

from __future__ import annotations

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
