"""The `server` backend: any OpenAI-compatible server, measured as its clients see it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from llenergymeasure.backends.base import Chunk, EncodedRequest, ScheduledRequest
from llenergymeasure.backends.distinct_prompts import with_words_moved
from llenergymeasure.backends.server.bodies import PATHS, Bodies, endpoint_of
from llenergymeasure.backends.server.client import StreamClient
from llenergymeasure.backends.server.messages import MessageReader
from llenergymeasure.backends.server.open_files import allow_open_files
from llenergymeasure.backends.server.options import ServerOptions
from llenergymeasure.backends.server.process.command import start_problems
from llenergymeasure.backends.server.process.connect import ConnectedServer, open_server
from llenergymeasure.backends.server.process.listeners import pids_at
from llenergymeasure.backends.server.process.reach import problems_of
from llenergymeasure.backends.server.prompt_lengths import check_lengths, prompt_lengths
from llenergymeasure.backends.server.refusals import api_key, setting_refusals
from llenergymeasure.backends.server.vocabulary import draw, ordinary_tokens
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.model.info import NO_DTYPE, ModelInfo
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.server_side import ServerSample
from llenergymeasure.exceptions import BackendError

TRIAL = 479_001_598
"""Seed, and number of the order of words, of prompts that are sent before anything is measured: 12! - 2 is the last
order of any number of words that change places, and those of the windows are counted from 0."""
NOT_TOLD = "a server does not tell"


class ServerBackend:
    """Streams requests to a server, which runs already or which it starts; see `backends.base.OnlineBackend`."""

    name: ClassVar[str] = "server"

    def __init__(self) -> None:
        self._run: _Run | None = None
        self._folder: Path | None = None

    def check(self, config: ExperimentConfig) -> list[str]:
        options = config.options_of(self.name, ServerOptions)
        problems = list(setting_refusals(config, options))
        if problems:
            return problems
        if options.url is None:
            return start_problems(options)
        return problems_of(options.url, config.model, api_key(options))

    def keep_log_in(self, folder: Path) -> None:
        """Have the log of a server that is started written into a folder; called before `load`."""
        self._folder = folder

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """The devices are the server's."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        options = config.options_of(self.name, ServerOptions)
        server = open_server(
            options,
            model=config.model,
            url=options.url,
            cache=config.cache,
            api_key=api_key(options),
            folder=self._folder,
        )
        allow_open_files()
        self._run = _Run(config, options, server, clock)
        return self._run.info()

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        """Ask the server how many tokens each prompt has."""
        return self._loaded().encode(prompts)

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        return self._loaded().stream(request)

    async def connect(self, n_connections: int) -> None:
        """Open connections before the first request is due."""
        await self._loaded().client.connect(n_connections)

    def processes(self) -> Collection[int]:
        """Return this process, where the client is, and those of the server, where they are on this machine."""
        return {os.getpid(), *self._loaded().server.pids()}

    def reset_prefix_cache(self) -> str | None:
        return self._loaded().server.reset_prefix_cache()

    def processes_before_load(self, config: ExperimentConfig) -> Collection[int] | None:
        """Return the processes of a server that runs already, where that is known; None for one that is started."""
        url = config.options_of(self.name, ServerOptions).url
        return None if url is None else pids_at(url)

    def keeps_prefixes(self) -> bool:
        """Whether the server may keep prefixes of prompts between requests."""
        return self._loaded().server.keeps_prefixes()

    def server_sample(self) -> ServerSample | None:
        """Return what the server counts, now."""
        return self._loaded().server.sample()

    def serving_facts(self) -> ServingFacts:
        """Return what the server tells of how it serves: how many tokens a request may have."""
        return ServingFacts(context_limit=self._loaded().server.context_limit)

    def synchronize(self) -> None:
        """A server says that it is done by ending its streams."""

    def reset_peak_memory(self) -> None:
        """The memory is the server's, which does not tell a peak."""

    def peak_memory_bytes(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.server.close()

    def _loaded(self) -> _Run:
        if self._run is None:
            raise BackendError("no server is connected: call load() first")
        return self._run


class _Run:
    """A connected server with the settings of one experiment."""

    def __init__(
        self, config: ExperimentConfig, options: ServerOptions, server: ConnectedServer, clock: Clock
    ) -> None:
        self._config = config
        self.server = server
        preset = server.preset
        self._bodies = Bodies(config, options, server)
        self._api_key = api_key(options)
        self._prepared: dict[EncodedRequest, bytes] = {}
        self.client = StreamClient(
            server,
            path=PATHS[endpoint_of(config, options)],
            api_key=self._api_key,
            timeout_s=options.request_timeout_s,
            clock=clock,
            new_reader=lambda: MessageReader(preset.reasoning_fields),
        )

    def info(self) -> ModelInfo:
        names = ("n_parameters", "n_matmul_parameters", "shape", "steps")
        return ModelInfo(
            name=self.server.served_name,
            architecture="unknown",
            n_parameters=None,
            n_matmul_parameters=None,
            context_length=self.server.context_limit,
            dtype=NO_DTYPE,
            unknown=dict.fromkeys(names, NOT_TOLD),
        )

    def encode(self, prompts: Sequence[Prompt]) -> list[EncodedRequest]:
        ids = self._drawn(prompts)
        if ids:
            lengths = [prompt.n_tokens or 1 for prompt in prompts]
        else:
            lengths = asyncio.run(prompt_lengths(prompts, self._with_one_token))
        check_lengths(self._config, prompts, lengths, self.server.context_limit)
        requests = [
            EncodedRequest(
                prompt=prompt, index=index, prompt_tokens=length, token_ids=ids[index] if ids else ()
            )
            for index, (prompt, length) in enumerate(zip(prompts, lengths, strict=True))
        ]
        self._prepared = {each: self._bodies.of(each.prompt, each.token_ids) for each in requests}
        return requests

    def _drawn(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """Return the tokens of synthetic prompts, of which one is tried; nothing for a workload of text."""
        if any(prompt.n_tokens is None for prompt in prompts):
            return []
        ordinary = ordinary_tokens(self.server.url, self.server.served_name, self._api_key)
        drawn = [draw(prompt, ordinary) for prompt in prompts]
        other = draw(replace(prompts[0], token_seed=TRIAL), ordinary)
        trial = prompt_lengths(prompts[:1], lambda prompt: self._with_one_token(prompt, other))
        (counted,) = asyncio.run(trial)
        if counted != len(other):
            raise BackendError(
                f"the server counts {counted} tokens in a prompt of {len(other)}: it does not take prompts as tokens, "
                "or adds some → set workload.dataset: builtin"
            )
        return drawn

    def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
        encoded = request.encoded
        body = self._prepared.get(encoded) or self._bodies.of(encoded.prompt, encoded.token_ids)
        return self.client.stream(body, request.request_id)

    def _with_one_token(self, prompt: Prompt, token_ids: Sequence[int] = ()) -> AsyncIterator[Chunk]:
        """Send a prompt with its words in another order, so that no cache has the one that is measured later."""
        moved = replace(prompt, text=with_words_moved(prompt.text or "", TRIAL))
        return self.client.stream(
            self._bodies.of(moved, token_ids, max_tokens=1), f"length.{prompt.prompt_id}"
        )
