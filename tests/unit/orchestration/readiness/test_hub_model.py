"""Claims about models on the Hub: what its real client, asking a local server, makes of each answer."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model import hub_access
from llenergymeasure.domain.model.hub_answers import hub_answer
from llenergymeasure.orchestration import preflight
from llenergymeasure.orchestration.preflight import _check_model_accessible
from llenergymeasure.orchestration.readiness.hub_model import check_hub_model
from tests.support import hub_server
from tests.support.hub_server import COMMIT, Answer, hub

constants = pytest.importorskip("huggingface_hub.constants")

MODEL = "org/name"
UNKNOWN = f"{MODEL} not found on HuggingFace Hub, or private or gated → correct the id"
BAD_TOKEN = (
    f"{MODEL}: the Hub refuses HF_TOKEN, which is expired, revoked or mistyped → set a valid one, or none"
)
UNTRUE = "hf_" + "a1B2" * 8


@pytest.fixture(autouse=True)
def _no_token_and_an_empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub_access, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(preflight, "HUB_TIMEOUT_S", 1.0)
    monkeypatch.chdir(tmp_path)


def _use(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Do what HF_ENDPOINT does when the client is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A function that returns the failures of pre-flight and of the further check, as a user gets them."""

    def failures(
        model_info: Answer | None = None, files: Answer | None = None, *, model: str = MODEL, **settings: str
    ) -> list[str]:
        with hub(model_info, files) as address:
            _use(monkeypatch, address)
            first = _check_model_accessible(model)
            config = ExperimentConfig.model_validate({"model": model, **settings})
            return [first] if first is not None else check_hub_model(config)

    return failures


def cache(
    root: Path, *, files: tuple[str, ...] = ("config.json", "tokenizer.json", "model.safetensors")
) -> None:
    """Write a model into the cache as the client does, with what its files are called and nothing in them."""
    folder = root / "cache" / "models--org--name"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    for name in files:
        (folder / "snapshots" / COMMIT / name).write_text("{}")


@pytest.mark.parametrize(
    ("answer", "token", "said"),
    [
        (hub_server.MISSPELT, None, f"{UNKNOWN} (OWNER/NAME), or export HF_TOKEN=<your_token>"),
        (hub_server.MISSPELT_WITH_TOKEN, UNTRUE, f"{UNKNOWN} (OWNER/NAME), or ask for access for HF_TOKEN"),
        (hub_server.BAD_TOKEN, UNTRUE, BAD_TOKEN),
        (hub_server.EXPIRED_TOKEN, UNTRUE, BAD_TOKEN),
        (hub_server.GATED, None, f"{MODEL} gated model — no HF_TOKEN → export HF_TOKEN=<your_token>"),
        (
            hub_server.NOT_GRANTED,
            UNTRUE,
            f"{MODEL} gated model — HF_TOKEN has no access → ask for it on the model's page",
        ),
    ],
    ids=["misspelt", "misspelt-with-token", "bad-token", "expired-token", "gated", "not-granted"],
)
@pytest.mark.parametrize("asked", ["model", "file"])
def test_what_the_hub_refuses_is_told_for_what_it_is(
    ask: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    token: str | None,
    said: str,
    asked: str,
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    (failure,) = ask(answer) if asked == "model" else ask(None, answer)
    assert failure.startswith(said)
    assert UNTRUE not in failure


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (hub_server.WEB_FILTER, "a web filter"),
        (hub_server.PROXY, "a proxy"),
        (hub_server.LOGIN_PAGE, "a login page answers instead of the Hub"),
        (hub_server.RATE_LIMIT, "the Hub limits the rate of requests (429)"),
        (hub_server.FAULT, "the Hub has a fault (5xx)"),
        (Answer(418), "is not understood"),
    ],
    ids=["web-filter", "proxy", "login-page", "rate-limit", "fault", "teapot"],
)
def test_an_answer_that_is_not_the_hubs_is_a_warning_and_no_failure(
    ask: Callable[..., list[str]], caplog: pytest.LogCaptureFixture, tmp_path: Path, answer: Answer, said: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert ask(answer) == []
    assert f"{MODEL} is not in the cache, and loading it may fail: " in caplog.text
    assert said in caplog.text
    caplog.clear()
    cache(tmp_path)
    assert ask(answer) == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    "answer",
    [
        hub_server.MISSPELT,
        hub_server.BAD_TOKEN,
        hub_server.GATED,
        hub_server.NOT_GRANTED,
        hub_server.NO_REVISION,
    ],
)
def test_a_model_in_the_cache_is_no_failure_whatever_the_hub_says(
    ask: Callable[..., list[str]], tmp_path: Path, answer: Answer
) -> None:
    cache(tmp_path)
    assert ask(answer) == []
    assert ask(answer, revision=COMMIT) == []


def test_a_revision_and_a_file_that_the_hub_does_not_have_are_named(ask: Callable[..., list[str]]) -> None:
    (revision,) = ask(None, hub_server.NO_REVISION, revision="nope")
    assert revision.startswith(f"{MODEL} has no revision 'nope' on the Hub")
    (config,) = ask(None, hub_server.NO_FILE)
    assert config.startswith(
        f"{MODEL} has no config.json on the Hub → choose a model in the format of transformers"
    )
    (file,) = ask(None, hub_server.NO_FILE, model="org/name/q4.gguf")
    assert file == "org/name/q4.gguf has no q4.gguf on the Hub → correct the name of the file"


def test_a_model_that_the_hub_has_passes(ask: Callable[..., list[str]]) -> None:
    assert ask() == []
    assert ask(model="org/name/q4.gguf") == []
    assert ask(revision="v1") == []


def test_a_text_that_is_no_id_is_not_found(ask: Callable[..., list[str]]) -> None:
    for model in ("org/na me", "a/b/c", "--x"):
        (failure,) = ask(model=model)
        assert failure.startswith(f"{model} not found on HuggingFace Hub")


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        ((), "is not in the cache"),
        (("config.json", "tokenizer.json"), "is only partly in the cache: weights missing"),
        (("config.json", "model.safetensors"), "is only partly in the cache: its tokenizer is missing"),
        (("model.safetensors",), "is only partly in the cache: config.json missing"),
        (("config.json", "tokenizer.json", "model-1-of-2.safetensors"), "model-2-of-2.safetensors missing"),
    ],
)
def test_what_neither_the_cache_has_nor_the_hub_can_give_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: tuple[str, ...], lacking: str
) -> None:
    cache(tmp_path, files=files)
    if len(files) == 3:
        index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
        snapshot = tmp_path / "cache" / "models--org--name" / "snapshots" / COMMIT
        (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    _use(monkeypatch, f"http://127.0.0.1:{_closed_port()}")
    assert _check_model_accessible(MODEL) is None
    (failure,) = check_hub_model(ExperimentConfig(model=MODEL))
    assert failure.startswith(MODEL)
    assert lacking in failure
    assert "the Hub cannot be reached" in failure
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (offline,) = check_hub_model(ExperimentConfig(model=MODEL))
    assert lacking in offline
    assert "HF_HUB_OFFLINE is set" in offline


def test_a_whole_model_in_the_cache_needs_no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache(tmp_path)
    _use(monkeypatch, f"http://127.0.0.1:{_closed_port()}")
    assert check_hub_model(ExperimentConfig(model=MODEL)) == []
    assert check_hub_model(ExperimentConfig(model=MODEL, revision=COMMIT)) == []
    (other,) = check_hub_model(ExperimentConfig(model=MODEL, revision="v2"))
    assert "is not in the cache" in other


def test_a_name_that_does_not_resolve_is_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, "http://no-such-host.invalid")
    (failure,) = check_hub_model(ExperimentConfig(model=MODEL))
    assert "the Hub cannot be reached" in failure


def test_a_certificate_that_is_not_trusted_is_told_with_the_setting_that_helps() -> None:
    error = ConnectionError("cannot connect")
    error.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
    assert hub_answer(error) == "tls"


def test_a_hub_that_never_answers_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_access, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server, caplog.at_level(logging.WARNING):
        _use(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}")
        assert check_hub_model(ExperimentConfig(model=MODEL)) == []
    assert "the Hub did not answer within" in caplog.text
