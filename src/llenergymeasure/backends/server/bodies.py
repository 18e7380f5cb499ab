"""The requests as the server is sent them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from llenergymeasure.backends.server.options import ServerOptions
from llenergymeasure.backends.server.presets import Preset
from llenergymeasure.backends.server.process.connect import ConnectedServer
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt

Endpoint = Literal["completions", "chat"]
PATHS: dict[Endpoint, str] = {"completions": "/completions", "chat": "/chat/completions"}


def endpoint_of(config: ExperimentConfig, options: ServerOptions) -> Endpoint:
    """Return the endpoint that the prompts are sent to."""
    return options.endpoint or ("chat" if config.workload.chat_template else "completions")


class Bodies:
    """Makes the bodies of requests: what is the same in all of them is decided once."""

    def __init__(self, config: ExperimentConfig, options: ServerOptions, server: ConnectedServer) -> None:
        self._is_chat = endpoint_of(config, options) == "chat"
        self._most = config.workload.max_output_tokens
        self._common = {
            "model": server.served_name,
            "stream": True,
            **_decoding(config, server.preset),
            **server.request_options(),
            **(options.extra_body or {}),
        }

    def of(self, prompt: Prompt, token_ids: Sequence[int] = (), max_tokens: int | None = None) -> bytes:
        """Return the body of a request; `max_tokens` stands for the length that workload and prompt ask for."""
        text = prompt.text or ""
        asked: dict[str, Any] = (
            {"messages": [{"role": "user", "content": text}]} if self._is_chat else {"prompt": text}
        )
        if token_ids:
            asked = {"prompt": list(token_ids)}
        limit = max_tokens or getattr(prompt, "max_output_tokens", None) or self._most
        return json.dumps({**self._common, **asked, "max_tokens": limit}).encode()


def _decoding(config: ExperimentConfig, preset: Preset) -> dict[str, Any]:
    decoder = config.decoder
    own = {name: getattr(decoder, name) for name in preset.extensions if getattr(decoder, name)}
    settings: dict[str, Any] = {preset.extensions[name]: value for name, value in own.items()}
    if decoder.preset == "deterministic":
        return {"temperature": 0, **settings}
    drawn = {"temperature": decoder.temperature, "top_p": decoder.top_p, "seed": config.random_seed}
    return {**{name: value for name, value in drawn.items() if value is not None}, **settings}
