"""Options of the `server` backend."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from llenergymeasure.backends.server.process.options import StartOptions
from llenergymeasure.backends.server.url import url_problem
from llenergymeasure.config.base import NOT_MEASURED, NonEmpty
from llenergymeasure.config.plain import not_plain

OWN_KEYS = frozenset(
    {
        "model",
        "prompt",
        "messages",
        "stream",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "n",
    }
)
"""Keys of a request that other settings decide."""


class ServerOptions(StartOptions):
    """The `server:` section: which server answers, and how it is asked."""

    url: NonEmpty | None = None
    """Where a server runs already: `http://127.0.0.1:8000/v1`, the address before `/completions`. Without it, one is
    started by `command` or `preset`."""
    endpoint: Literal["completions", "chat"] | None = None
    """`completions` sends the prompts as text, `chat` as one message of the user, which the server puts into the
    model's chat template. Where it is not given: `chat` with workload.chat_template, else `completions`."""
    api_key_env: Annotated[NonEmpty | None, NOT_MEASURED] = None
    """Name of the environment variable that has the key of the server, such as `OPENAI_API_KEY`; the key itself
    belongs into no file. No key is sent where it is not given."""
    request_timeout_s: float = Field(600.0, gt=0, le=86_400)
    """A request that has not ended by then is recorded as timed out."""
    extra_body: dict[str, Any] | None = None
    """Further fields of every request, as the server names them: `{min_p: 0.05}`."""

    @field_validator("url")
    @classmethod
    def _url_is_one(cls, value: str | None) -> str | None:
        problem = None if value is None else url_problem(value)
        if problem is not None:
            raise ValueError(problem)
        return None if value is None else value.rstrip("/")

    @field_validator("extra_body")
    @classmethod
    def _body_is_plain(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        for key, each in (value or {}).items():
            if key in OWN_KEYS:
                raise ValueError(f"'{key}' follows from other settings: remove it here")
            problem = not_plain(each, key)
            if problem is not None:
                raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _is_somewhere(self) -> ServerOptions:
        if self.url is None and not self.command and self.preset is None:
            raise ValueError(
                "which server? Give the url of one that runs (http://127.0.0.1:8000/v1), or a preset or command that "
                "starts one"
            )
        if self.url is not None and self.command:
            raise ValueError("url and command exclude each other: a server that runs already is not started")
        return self
