"""A backend whose every call is explained: what its code raises becomes one sentence that names it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from llenergymeasure import plugins
from llenergymeasure.backends.base import Backend, Chunk, RequestError, ScheduledRequest
from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained


def make_backend(name: str) -> Backend:
    """Return a new backend of this name.

    Raises:
        LLEMError: it does not import, or cannot be made.
    """
    backend_class = plugins.find("backends", name)
    with explained(_failing(name, "when it was made")):
        return cast("Backend", _Guarded(name, backend_class()))


class _Guarded:
    """Has the methods of a backend, and no others."""

    def __init__(self, name: str, backend: Any) -> None:
        self._name = name
        self._backend = backend

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._backend, method)
        if not callable(found):
            return found
        as_error = _failing(self._name, f"in {method}()")
        guard = _guarded_stream if method == "stream" else _guarded_call
        guarded = guard(found, as_error)
        setattr(self, method, guarded)
        return guarded


def _guarded_call(call: Callable[..., Any], as_error: Callable[[str], BackendError]) -> Callable[..., Any]:
    @functools.wraps(call)
    def guarded(*arguments: Any, **given: Any) -> Any:
        with explained(as_error):
            return call(*arguments, **given)

    return guarded


def _guarded_stream(
    stream: Callable[[ScheduledRequest], AsyncIterator[Chunk]], as_error: Callable[[str], BackendError]
) -> Callable[[ScheduledRequest], AsyncIterator[Chunk]]:
    async def guarded(request: ScheduledRequest) -> AsyncIterator[Chunk]:
        with explained(as_error, RequestError):
            async for chunk in stream(request):
                if not isinstance(chunk, Chunk):
                    raise TypeError(f"it has to yield a Chunk, not {type(chunk).__name__}")
                yield chunk

    return guarded


def _failing(name: str, where: str) -> Callable[[str], BackendError]:
    return lambda cause: BackendError(
        f"backend '{name}' failed {where}: {cause} → report it to the authors of the backend, or set another backend"
    )
