"""What a backend offers in addition about the prefix cache of its engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from llenergymeasure import plugins
from llenergymeasure.backends.base import Backend, EncodedRequest, resets_prefix_cache

KEEPS_NONE: plugins.Capability = "keeps_no_prefixes"
NO_RESET = "the backend cannot empty it"


class KeepsPrefixes(Protocol):
    """Offered where it depends on the configuration whether the engine keeps prefixes between requests.

    A backend that never does has the capability `keeps_no_prefixes` instead; one that says neither is taken for one
    that may.
    """

    def keeps_prefixes(self) -> bool:
        """Return whether the engine, as it was loaded, computes prompts from what earlier requests left."""
        ...


class VariesPrompts(Protocol):
    """Offered where the backend knows better than others how a prompt gets another beginning.

    Without it, `EncodedRequest.token_ids` and `Prompt.text` are changed as `backends.distinct_prompts` says.
    """

    def vary(self, encoded: EncodedRequest, serial: int) -> EncodedRequest:
        """Return the request with other tokens at its beginning, as many as before; other ones for each serial number.

        Called when a request is sent: what it needs is prepared in `encode`.
        """
        ...


def keeps_prefixes(name: str, backend: Backend) -> bool | None:
    """Return whether the engine of a loaded backend keeps prefixes between requests; None where it does not tell."""
    if never_keeps_prefixes(name):
        return False
    tell: Callable[[], bool] | None = getattr(backend, "keeps_prefixes", None)
    return None if tell is None else tell()


def never_keeps_prefixes(name: str) -> bool:
    """Whether a backend of this name keeps no prefixes between requests, however it is configured."""
    return KEEPS_NONE in plugins.declaration("backends", name).capabilities


def no_prefixes(name: str) -> str:
    """Return the sentence for `cache: warm` with an engine that keeps no prefixes."""
    return f"cache: warm needs an engine that keeps prefixes, and backend '{name}' keeps none here: set cache: cold"


def empty_prefix_cache(backend: Backend) -> str | None:
    """Ask the engine to empty its cache; None where it has confirmed that it is empty, else the reason in words."""
    return backend.reset_prefix_cache() if resets_prefix_cache(backend) else NO_RESET
