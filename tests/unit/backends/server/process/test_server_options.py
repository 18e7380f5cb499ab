"""Options of a server that is started, and the command that follows from them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from llenergymeasure.backends.server.presets import PRESETS, preset_named
from llenergymeasure.backends.server.process.command import (
    Cache,
    keeps_prefixes,
    start_command,
    start_problems,
)
from llenergymeasure.backends.server.process.options import PLACES, StartOptions
from llenergymeasure.core.python_process import python_environment


def options(**given: object) -> StartOptions:
    return StartOptions.model_validate(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"preset": "vlm"}, "unknown server 'vlm'; known: vllm, sglang, .* \\(did you mean vllm\\?\\)"),
        ({"command": ("serve", "--port", "{port}", "--api-key", "abc")}, "'--api-key' is a secret"),
        ({"command": ("serve", "{port}", "--api-key=abcdef123")}, "'--api-key' is a secret"),
        ({"preset": "vllm", "arguments": ("--hf-token", "x")}, "'--hf-token' is a secret"),
        ({"preset": "vllm", "environment": {"HF_TOKEN": "x"}}, "HF_TOKEN is a secret"),
        ({"command": ("serve",)}, "does not say on which port"),
        ({"command": ("serve", "{port}"), "arguments": ("-x",)}, "add them to command"),
        ({"health_path": "health"}, "match pattern"),
    ],
)
def test_options_that_cannot_be_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        options(**given)


def test_a_command_gets_model_host_and_port(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    start = start_command(options(preset="llamacpp", port=4321, arguments=("-c", "512")), str(model))
    assert start.command[:7] == (
        "llama-server",
        "--model",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        "4321",
    )
    assert start.command[-2:] == ("-c", "512")
    assert start.root == "http://127.0.0.1:4321"


def test_a_name_of_the_hub_is_handed_over_as_it_is() -> None:
    assert "org/model" in start_command(options(preset="vllm"), "org/model").command


def test_another_interpreter_finds_its_programs_first(tmp_path: Path) -> None:
    start = start_command(options(preset="vllm", python=str(tmp_path / "bin" / "python")), "m")
    assert start.command[0] == str(tmp_path / "bin" / "python")
    assert start.environment["PATH"].startswith(f"{tmp_path / 'bin'}:")
    assert start.environment["VLLM_SERVER_DEV_MODE"] == "1"


def test_a_free_port_is_chosen_anew_each_time() -> None:
    ports = {start_command(options(command=("serve", "{port}")), "m").port for _ in range(5)}
    assert len(ports) > 1
    assert min(ports) > 1023


@pytest.mark.parametrize(
    ("preset", "cache", "arguments", "added", "keeps"),
    [
        ("vllm", "cold", (), "--no-enable-prefix-caching", False),
        ("vllm", "warm", (), "--enable-prefix-caching", True),
        ("vllm", "as_is", (), None, True),
        ("vllm", "cold", ("--enable-prefix-caching",), None, True),
        ("sglang", "cold", (), "--disable-radix-cache", False),
        ("lmdeploy", "cold", (), None, False),
        ("lmdeploy", "warm", (), "--enable-prefix-caching", True),
    ],
)
def test_the_cache_policy_is_part_of_the_command_unless_the_user_says_it(
    preset: str, cache: Cache, arguments: tuple[str, ...], added: str | None, keeps: bool
) -> None:
    given = options(preset=preset, arguments=arguments, port=4321)
    plain = start_command(options(preset=preset, port=4321), "m", cache="as_is").command
    more = [part for part in start_command(given, "m", cache=cache).command if part not in plain]
    assert more == [part for part in (added, *arguments) if part]
    assert keeps_prefixes(given, cache) is keeps


def test_a_program_that_is_not_installed_is_a_problem_before_the_start() -> None:
    problems = start_problems(options(preset="vllm", python="/nowhere/python"))
    assert problems == [
        "the program of the server, /nowhere/python, is not found on this machine → install it, or state its path in "
        "server.python"
    ]
    assert start_problems(options(preset="vllm", python=sys.executable)) == []


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_complete(name: str) -> None:
    row = preset_named(name)
    said = " ".join((*row.command, *row.environment.values()))
    assert row.docs
    assert all(page.startswith("https://") for page in row.docs)
    assert "{port}" in said
    assert "{host}" in said
    assert row.health_path.startswith("/")
    assert all(part in PLACES for part in re.findall(r"\{\w+\}", said))


def test_what_is_for_our_processes_alone_is_not_the_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in python_environment({"PYTHONPATH": str(tmp_path)}, python="/other").items():
        monkeypatch.setenv(name, text)
    environment = start_command(options(preset="vllm"), "m").environment
    assert environment["PYTHONPATH"] == str(tmp_path)
    assert "PYTHONSAFEPATH" not in environment
    assert "PYDANTIC_DISABLE_PLUGINS" not in environment
