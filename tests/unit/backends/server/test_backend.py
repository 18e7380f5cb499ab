"""The `server` backend: what the harness relies on holds, and a server that cannot be measured is said to be one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from llenergymeasure.backends.base import EncodedRequest, ScheduledRequest
from llenergymeasure.backends.server.backend import ServerBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import BackendError
from llenergymeasure.testing import check_backend
from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import RunningStandIn, standin_server

PROMPTS = [
    Prompt(prompt_id=f"p{number}", text="Why does bread go stale? " * number) for number in range(1, 4)
]


def _config(server: RunningStandIn, **settings: Any) -> ExperimentConfig:
    section = {"url": server.url, "api_key_env": settings.pop("api_key_env", None)}
    return ExperimentConfig.model_validate(
        {"model": "stand-in", "backend": "server", "device": "cpu", "server": section, **settings}
    )


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandIn]:
    with standin_server() as server:
        yield server


@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
def test_conforms(standin: RunningStandIn, chat: bool) -> None:
    check_backend(ServerBackend, _config(standin, workload={"chat_template": chat}), PROMPTS)


def test_prompts_have_as_many_tokens_as_the_server_counts(standin: RunningStandIn) -> None:
    backend = ServerBackend()
    backend.load(_config(standin), AnchoredClock())
    lengths = [each.prompt_tokens for each in backend.encode([*PROMPTS, PROMPTS[0]])]
    backend.close()
    assert lengths == [5, 10, 15, 5]


@pytest.mark.parametrize(
    "prompts",
    [PROMPTS, [Prompt(prompt_id=f"p{seed}", n_tokens=40, token_seed=seed) for seed in range(3)]],
    ids=["text", "synthetic"],
)
def test_asking_for_the_lengths_leaves_none_of_the_prompts_in_the_cache(prompts: list[Prompt]) -> None:
    backend, clock = ServerBackend(), AnchoredClock()

    async def cached(encoded: EncodedRequest) -> list[int | None]:
        request = ScheduledRequest(request_id="a", repeat=0, scheduled_unix_ns=0, encoded=encoded)
        return [chunk.cached_prompt_tokens async for chunk in backend.stream(request)][-1:]

    with standin_server(StandInServer(prefix_cache=True)) as server:
        backend.load(_config(server), clock)
        workload = backend.encode(prompts)
        assert [asyncio.run(cached(encoded)) for encoded in workload] == [[0]] * 3
        backend.close()


def test_a_server_that_is_full_for_a_moment_is_asked_again_for_the_lengths() -> None:
    backend = ServerBackend()
    with standin_server(StandInServer(failure="429", fail_every=2)) as server:
        backend.load(_config(server), AnchoredClock())
        lengths = [each.prompt_tokens for each in backend.encode(PROMPTS)]
        backend.close()
    assert lengths == [5, 10, 15]


def test_synthetic_prompts_have_their_exact_length_and_differ(standin: RunningStandIn) -> None:
    prompts = [Prompt(prompt_id=f"p{seed}", n_tokens=40 + seed, token_seed=seed) for seed in range(3)]
    backend = ServerBackend()
    config = _config(standin, workload={"dataset": "synthetic", "input_tokens": 40})
    backend.load(config, AnchoredClock())
    encoded = backend.encode(prompts)
    backend.close()
    assert [(each.prompt_tokens, len(each.token_ids)) for each in encoded] == [(40, 40), (41, 41), (42, 42)]
    assert len({each.token_ids[:10] for each in encoded}) == 3
    check_backend(ServerBackend, config, prompts)


def test_a_name_that_the_server_does_not_serve_is_refused_with_the_one_that_it_serves(
    standin: RunningStandIn,
) -> None:
    (problem,) = ServerBackend().check(_config(standin, model="stand-out"))
    assert "'stand-out'" in problem
    assert "stand-in" in problem


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        (StandInServer(usage="none"), {}, "states no usage"),
        (
            StandInServer(context_limit=12),
            {"workload": {"max_output_tokens": 4}},
            "set workload.max_output_tokens",
        ),
        (StandInServer(), {"workload": {"max_input_tokens": 9}}, "set workload.max_input_tokens: 15"),
        (StandInServer(failure="400"), {}, r"HTTP 400: refused with 400"),
    ],
)
def test_what_cannot_be_measured_is_said_before_it_is(
    options: StandInServer, settings: dict[str, Any], said: str
) -> None:
    backend = ServerBackend()
    with standin_server(options) as server:
        backend.load(_config(server, **settings), AnchoredClock())
        with pytest.raises(BackendError, match=said):
            backend.encode(PROMPTS)
        backend.close()


def test_more_connections_may_be_open_than_a_process_may_have_files_at_first() -> None:
    script = (
        "import resource; from llenergymeasure.backends.server.open_files import allow_open_files; "
        "most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (64, most)); "
        "allow_open_files(); assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_key_comes_from_the_environment_and_is_in_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_THE_STAND_IN", "secret-0123")
    backend = ServerBackend()
    with standin_server(StandInServer(api_key="secret-0123")) as server:
        config = _config(server, api_key_env="KEY_OF_THE_STAND_IN")
        assert backend.check(config) == []
        info = backend.load(config, AnchoredClock())
        backend.encode(PROMPTS)
        backend.close()
    assert "0123" not in info.model_dump_json() + config.model_dump_json()
