"""What a user is told before anything is loaded, typed on the command line: every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import installed
from tests.support.model_files import POINTER, model_folder, write_gguf

WAITING = Plugin(
    name="waiting", target=None, requires=("waiting_software",), install="pip install waiting-software"
)
"""A name that a configuration may use, and that nothing installed implements."""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _problems(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["run", "--device", "cpu", "--dry-run", *arguments])
    assert done.exit_code == 3, done.output
    assert "Traceback" not in done.output
    return [line.removeprefix("  ✗ ") for line in done.stderr.splitlines() if line.startswith("  ✗ ")]


def test_an_empty_model_folder_and_a_missing_data_set_are_told_together() -> None:
    Path("empty").mkdir()
    folder, data = _problems("--model", "./empty", "--set", "workload.dataset=none.jsonl")
    assert "empty has no config.json" in folder
    assert "none.jsonl" in data


def test_failures_of_preflight_and_of_the_further_checks_are_told_together() -> None:
    missing, output = _problems("--model", "./missing", "--output", "/proc/1/none")
    assert "./missing does not exist" in missing
    assert output.startswith("results cannot be written to /proc/1/none")


def test_a_backend_that_this_release_does_not_have_is_told_with_those_that_work() -> None:
    with installed("backends", WAITING):
        (failure,) = _problems("--model", "/", "--backend", "waiting")
    assert failure.startswith(
        "waiting not installed → pip install waiting-software, which is not enough: this release has no backend"
    )
    assert "choose one that works here: pytorch" in failure


def test_a_backend_of_which_only_the_software_is_there_is_refused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("waiting_software").mkdir()
    Path("waiting_software", "__init__.py").touch()
    monkeypatch.syspath_prepend(Path.cwd())
    with installed("backends", WAITING):
        (failure,) = _problems("--model", "/", "--backend", "waiting")
    assert failure.startswith("this release has no backend for waiting")


def test_a_package_that_is_not_installed_is_named_without_advice_to_install_whatever_has_that_name() -> None:
    (failure,) = _problems("--model", "package:nope-no-such")
    assert "no package 'nope_no_such' is installed" in failure
    assert "pip install" not in failure


@pytest.mark.parametrize("name", ["a b/c d", "gpt2 ", "a/b/c", "C:\\models\\x", "no where/"])
def test_a_name_that_no_model_can_have_is_one_problem(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (failure,) = _problems("--model", name)
    assert failure.startswith(f"model '{name}' is no folder of this machine, and cannot be an id on the Hub")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", POINTER, "model.safetensors is a pointer of Git LFS, not the file itself → "),
        ("tokenizer.json", POINTER, "tokenizer.json is a pointer of Git LFS, not the file itself → "),
        ("tokenizer.json", '{"version": "1.0",', "tokenizer.json:1 is not valid JSON"),
        ("config.json", '{"architectures": ["LlamaForCausalLM"]}', 'config.json has no "model_type"'),
        ("model.safetensors", "", "model.safetensors is empty"),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_named(file: str, content: str, said: str) -> None:
    (model_folder(Path("model")) / file).write_text(content)
    (failure,) = _problems("--model", "./model")
    assert said in failure
    assert " → " in failure


def test_a_part_of_a_split_gguf_file_is_told_how_to_be_joined() -> None:
    write_gguf(Path("m-00001-of-00002.gguf"))
    (failure,) = _problems("--model", "./m-00001-of-00002.gguf")
    assert "llama-gguf-split --merge m-00001-of-00002.gguf m.gguf" in failure
