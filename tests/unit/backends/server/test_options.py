"""What the `server:` section accepts, and what it refuses with a sentence that says what to write."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llenergymeasure.backends.server.options import ServerOptions
from llenergymeasure.backends.server.refusals import setting_refusals
from llenergymeasure.backends.server.url import url_problem
from llenergymeasure.config.models import ExperimentConfig

URL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8000", "http://"),
        ("localhost:8000/v1", "has no http://"),
        ("ftp://host/v1", "has no http://"),
        ("http://", "names no host"),
        ("http://host:99999/v1", "is no address"),
        ("http://host:8000/v1/chat/completions", "write the address before /chat/completions"),
        ("http://host:8000/v1/models/", "write the address before /models"),
        ("http://host/v1?x=1", "after '?'"),
        ("http://ho st/v1", "a space"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_what_to_write(url: str, said: str) -> None:
    assert said in (url_problem(url) or "")


@pytest.mark.parametrize(
    "url", [URL, "https://api.example.org/v1", "http://[::1]:8000/v1", "http://gpu-7:8000"]
)
def test_an_address_of_a_server_is_accepted(url: str) -> None:
    assert url_problem(url) is None


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    problem = url_problem("http://me:hunter2@host:8000/v1")
    assert problem is not None
    assert "api_key_env" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "which server"),
        ({"url": URL, "command": ["serve", "{port}"]}, "exclude each other"),
        ({"url": URL, "extra_body": {"stream": False}}, "'stream' follows from other settings"),
        ({"url": URL, "request_timeout_s": 0}, "greater than 0"),
        ({"url": URL, "endpoint": "responses"}, "'completions' or 'chat'"),
    ],
)
def test_a_section_that_contradicts_itself_is_refused(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ServerOptions.model_validate(section)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": "random"}, "weights: random"),
        ({"revision": "main"}, "revision"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"passthrough_kwargs": {"a": 1}}, "server.extra_body"),
        ({"decoder": {"repetition_penalty": 1.2}}, "decoder.repetition_penalty"),
        ({"server": {"url": URL, "endpoint": "chat"}}, "workload.chat_template: true"),
        (
            {"server": {"url": URL, "endpoint": "completions"}, "workload": {"chat_template": True}},
            "endpoint: completions",
        ),
        ({"server": {"url": URL, "api_key_env": "NO_SUCH_KEY_OF_A_SERVER"}}, "export it"),
    ],
)
def test_what_does_not_reach_a_server_is_refused_by_its_name(settings: dict[str, Any], said: str) -> None:
    config = ExperimentConfig.model_validate(
        {"model": "m", "backend": "server", "server": {"url": URL}, **settings}
    )
    problems = list(setting_refusals(config, config.options_of("server", ServerOptions)))
    assert len(problems) == 1
    assert said in problems[0]


def test_the_name_of_the_key_does_not_change_what_is_measured() -> None:
    plain = {"model": "m", "backend": "server", "server": {"url": URL}}
    named = {**plain, "server": {"url": URL, "api_key_env": "OPENAI_API_KEY"}}
    hashes = {ExperimentConfig.model_validate(each).config_hash for each in (plain, named)}
    assert len(hashes) == 1
