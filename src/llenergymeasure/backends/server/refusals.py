"""What a server cannot be asked for as configured, found before anything is measured."""

from __future__ import annotations

import os
from collections.abc import Iterator

from llenergymeasure.backends.server.bodies import endpoint_of
from llenergymeasure.backends.server.options import ServerOptions
from llenergymeasure.backends.server.presets import preset_named
from llenergymeasure.config.models import ExperimentConfig


def setting_refusals(config: ExperimentConfig, options: ServerOptions) -> Iterator[str]:
    """Yield one sentence for each setting that does not reach a server."""
    yield from _fixed_by_the_server(config)
    yield from _decoder(config, options)
    yield from _prompts(config, options)
    yield from _key(options)


def api_key(options: ServerOptions) -> str | None:
    """Return the key of the server; None where none is named, or the variable is empty."""
    return os.environ.get(options.api_key_env) or None if options.api_key_env else None


def _fixed_by_the_server(config: ExperimentConfig) -> Iterator[str]:
    if config.weights == "random":
        yield "weights: random cannot be asked of a server: remove it"
    if config.revision is not None:
        yield "revision cannot be asked of a server: remove it, and start the server with that revision"
    if config.trust_remote_code:
        yield "trust_remote_code cannot be asked of a server: remove it, and start the server with it"
    if config.passthrough_kwargs:
        yield "passthrough_kwargs are for loaders of models: use server.extra_body for further fields of the requests"


def _decoder(config: ExperimentConfig, options: ServerOptions) -> Iterator[str]:
    known = preset_named(options.preset).extensions
    for name in ("top_k", "repetition_penalty", "ignore_eos"):
        if getattr(config.decoder, name) and name not in known:
            server = options.preset or "an OpenAI-compatible server"
            yield (
                f"decoder.{name} is not known to {server}: remove it; where yours has it, under whatever name, set "
                "server.extra_body"
            )


def _prompts(config: ExperimentConfig, options: ServerOptions) -> Iterator[str]:
    if endpoint_of(config, options) == "chat" and not config.workload.chat_template:
        yield "server.endpoint: chat puts prompts into the chat template: set workload.chat_template: true"
    if endpoint_of(config, options) == "completions" and config.workload.chat_template:
        yield (
            "server.endpoint: completions sends prompts as they are, and workload.chat_template asks for the "
            "template: remove one of the two"
        )


def _key(options: ServerOptions) -> Iterator[str]:
    if options.api_key_env and api_key(options) is None:
        yield f"server.api_key_env names {options.api_key_env}, which is not set here: export it"
