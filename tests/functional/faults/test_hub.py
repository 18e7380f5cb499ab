"""A model of the Hub as a user gets it: fetched from a local server, then from the cache, or refused in words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import hub_server
from tests.support.hub_server import Answer, hub
from tests.support.models import edit_json

pytestmark = pytest.mark.model

LOAD = """
from llenergymeasure.backends.pytorch.loading import load
from llenergymeasure.config.models import ExperimentConfig
try:
    print(load(ExperimentConfig(model="org/name", device="cpu")).source.commit)
except Exception as error:
    print(type(error).__name__, error)
"""


def _python(code: str, address: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home)}
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        env.pop(name, None)
    command = [sys.executable, *(["-c", code] if code else []), *arguments]
    return subprocess.run(
        command, env=env, cwd=home.parent, capture_output=True, text=True, timeout=90, check=False
    )


def _loaded(tmp_path: Path, answer: Answer | None = None, **served: Path | str) -> str:
    with hub(answer, answer, **served) as address:  # type: ignore[arg-type]
        return _python(LOAD, address, tmp_path / "home").stdout.strip()


def test_a_model_in_the_cache_loads_whatever_the_hub_says_then(tmp_path: Path, tiny_llama: Path) -> None:
    assert _loaded(tmp_path, folder=tiny_llama) == "None"
    for answer in (hub_server.MISSPELT_WITH_TOKEN, hub_server.FAULT):
        assert _loaded(tmp_path, answer) == hub_server.COMMIT


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            hub_server.GATED,
            "BackendError model org/name cannot be loaded: access to it is restricted on the Hub",
        ),
        (hub_server.BAD_TOKEN, "BackendError model org/name cannot be loaded: the Hub refuses the token"),
        (
            hub_server.WEB_FILTER,
            "BackendError model org/name cannot be loaded: a proxy, a web filter or a login page",
        ),
    ],
    ids=["gated", "bad-token", "web-filter"],
)
def test_what_the_hub_refuses_while_loading_is_one_sentence(
    tmp_path: Path, answer: Answer, said: str
) -> None:
    assert _loaded(tmp_path, answer).startswith(said)


@pytest.mark.parametrize("answer", [hub_server.RATE_LIMIT, hub_server.FAULT], ids=["429", "503"])
def test_a_hub_that_is_busy_is_asked_once_and_told_in_one_line(tmp_path: Path, answer: Answer) -> None:
    with hub(answer, answer) as address:
        typed = ["-m", "llenergymeasure", "run", "--model", "org/name", "--device", "cpu", "-q", "--dry-run"]
        done = _python("", address, tmp_path / "home", *typed)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: org/name is not in the cache, and loading it may fail: the Hub ")


def test_a_misspelt_model_is_refused_on_the_command_line_before_anything_is_measured(tmp_path: Path) -> None:
    with hub(hub_server.MISSPELT) as address:
        typed = ["-m", "llenergymeasure", "run", "--model", "org/nmae", "--device", "cpu", "-q"]
        done = _python("", address, tmp_path / "home", *typed)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: Pre-flight failed: 1 issue(s) found",
        "  ✗ org/nmae not found on HuggingFace Hub, or private or gated → correct the id (OWNER/NAME), or export "
        "HF_TOKEN=<your_token>",
    ]
    assert done.stdout == ""


def _dry_run(address: str, home: Path) -> subprocess.CompletedProcess[str]:
    typed = ["run", "--model", "org/name", "--device", "cpu", "--dry-run"]
    few = ["--set", "workload.max_input_tokens=64", "--set", "workload.max_output_tokens=8"]
    return _python("", address, home, "-m", "llenergymeasure", *typed, *few)


def _in_cache(home: Path) -> list[str]:
    return sorted(each.name for each in home.glob("hub/models--org--name/snapshots/*/*"))


def test_an_encoder_of_the_hub_is_refused_by_its_configuration_and_nothing_else_is_fetched(
    tmp_path: Path, tiny_llama: Path
) -> None:
    served = Path(shutil.copytree(tiny_llama, tmp_path / "served"))
    edit_json(served / "config.json", model_type="bert", architectures=["BertForMaskedLM"])
    with hub(folder=served) as address:
        done = _dry_run(address, tmp_path / "home")
    assert done.returncode == 3, done.stderr
    assert "is an encoder, BertForMaskedLM" in done.stderr
    assert _in_cache(tmp_path / "home") == ["config.json"]


def test_a_cache_with_the_configuration_alone_is_completed(tmp_path: Path, tiny_llama: Path) -> None:
    home = tmp_path / "home"
    repo = home / "hub" / "models--org--name"
    (repo / "snapshots" / hub_server.COMMIT).mkdir(parents=True)
    shutil.copy(tiny_llama / "config.json", repo / "snapshots" / hub_server.COMMIT)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(hub_server.COMMIT)
    with hub(folder=tiny_llama) as address:
        done = _dry_run(address, home)
        assert done.returncode == 0, done.stderr
        assert "Error" not in _python(LOAD, address, home).stdout
    assert "model.safetensors" in _in_cache(home)
