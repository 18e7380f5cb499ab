"""What the stand-in server does: a frozen record that another process can be given as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Failure = Literal["400", "401", "404", "429", "500", "503", "drop", "malformed", "hang", "error", "early"]
"""A status of HTTP; `drop` and `hang`: after two chunks the connection breaks, or nothing more comes; `malformed`: the
second chunk is no JSON; `error`: the second message is an error object; `early`: the stream ends after two chunks, in
order, and without saying why."""


@dataclass(frozen=True, kw_only=True)
class StandInServer:
    """Times are kept from when a request was read: its first chunk after `ttft_s`, the others `gap_s` apart."""

    model: str = "stand-in"
    ttft_s: float = 0.0
    gap_s: float = 0.0
    n_chunks: int = 16
    """Chunks of an answer, where `max_tokens` does not end it before: then the last one is cut."""
    tokens_per_chunk: int = 1
    usage: Literal["final", "every", "none"] = "final"
    """`final`: in a message of its own at the end, if asked for; `every`: beside each chunk too; `none`: never."""
    token_ids: bool = False
    """Each chunk lists its tokens (`token_ids`), as vLLM does if it is asked to."""
    reasoning_chunks: int = 0
    """So many chunks of a chat answer are `reasoning_content`, the first ones."""
    sends_done: bool = True
    """The stream ends with `data: [DONE]`."""
    slots: int | None = None
    """Requests that are served at a time; the others wait, and their times begin when they have a slot."""
    prefix_cache: bool = False
    """A prompt that came before has its tokens but one from a cache, says so, and its first chunk in a tenth of the
    time. `POST /reset_prefix_cache` empties the cache."""
    lying_reset: bool = False
    """The reset answers 200 with `{"success": false}` and empties nothing."""
    stall_at_s: float | None = None
    """So long after the first request nothing is sent for `stall_s`; what was due meanwhile comes later by the rest."""
    stall_s: float = 2.0
    failure: Failure | None = None
    fail_every: int = 1
    """Each request whose number (from 0) is a multiple of it fails in the way of `failure`."""
    api_key: str | None = None
    """Whoever does not send it (`Authorization: Bearer`) gets 401."""
    context_limit: int = 4096
    """`max_model_len` in the list of models."""

    def as_json(self) -> str:
        """Return it as text for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StandInServer:
        """Return what `as_json` wrote."""
        return cls(**json.loads(text))
