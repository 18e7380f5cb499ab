"""A backend whose every call is explained: what its code raises becomes one sentence that names it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from llenergymeasure import plugins
from llenergymeasure.backends.base import Backend, Chunk, RequestError, ScheduledRequest
from llenergymeasure.backends.returned import chunk_problem, returned_problem
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


def wrong_return(name: str, method: str, problem: str) -> BackendError:
    """Return the error of a backend of which a method returned what it must not."""
    return _failing(name, f"in {method}()")(problem)


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
        guarded = (
            _guarded_stream(found, as_error) if method == "stream" else _guarded_call(found, as_error, method)
        )
        setattr(self, method, guarded)
        return guarded


def _guarded_call(
    call: Callable[..., Any], as_error: Callable[[str], BackendError], method: str
) -> Callable[..., Any]:
    @functools.wraps(call)
    def guarded(*arguments: Any, **given: Any) -> Any:
        with explained(as_error):
            returned = call(*arguments, **given)
            problem = returned_problem(method, returned, arguments)
        if problem is not None:
            raise as_error(problem)
        return returned

    return guarded


def _guarded_stream(
    stream: Callable[[ScheduledRequest], AsyncIterator[Chunk]], as_error: Callable[[str], BackendError]
) -> Callable[[ScheduledRequest], AsyncIterator[Chunk]]:
    async def guarded(request: ScheduledRequest) -> AsyncIterator[Chunk]:
        with explained(as_error, RequestError):
            async for chunk in stream(request):
                if not isinstance(chunk, Chunk):
                    raise TypeError(f"it has to yield a Chunk, not {type(chunk).__name__}")
                problem = chunk_problem(chunk)
                if problem is not None:
                    raise as_error(problem)
                yield chunk

    return guarded


def _failing(name: str, where: str) -> Callable[[str], BackendError]:
    return lambda cause: BackendError(
        f"backend '{name}' failed {where}: {cause} → report it to the authors of the backend, or set another backend"
    )
