"""What a user gets who asks for something that cannot be: one message, an exit code, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app

FILE = "experiment.yaml"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own, so that anything written shows."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(arguments: list[str], exit_code: int) -> str:
    """Return what is said on standard error; standard output must stay empty and the folder as it was."""
    before = sorted(Path().rglob("*"))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == exit_code, done.output
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert sorted(Path().rglob("*")) == before
    return done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: a\nworkload:\n  n_promts: 4\n", f"{FILE}:3: unknown key 'workload.n_promts'"),
        ("model: a\nworkload:\n  n_prompts: ten\n", f"{FILE}:3: workload.n_prompts must be a whole number"),
        (
            "model: a\npytorch:\n  load_in_4bit: true\n  load_in_8bit: true\n",
            f"{FILE}:3: pytorch: load_in_4bit and load_in_8bit exclude each other",
        ),
        (
            "model: a\nbackend: pytorch\nvllm: {x: 1}\n",
            f"{FILE}:3: vllm: this section does not belong to backend 'pytorch'",
        ),
        (
            "model: a\npassthrough_kwargs:\n  batch_size: 4\n",
            f"{FILE}:3: passthrough_kwargs key 'batch_size' is a field of its own: set pytorch.batch_size",
        ),
        ("model: ''\n", f"{FILE}:1: model must not be empty"),
        ("model: [\n", f"{FILE}:2:1: not valid YAML"),
        ("", f"{FILE} is empty"),
    ],
    ids=[
        "unknown-key",
        "wrong-type",
        "exclusive",
        "foreign-section",
        "passthrough",
        "no-model",
        "syntax",
        "empty",
    ],
)
@pytest.mark.parametrize("mode", [[], ["--json"], ["--dry-run"]], ids=["run", "json", "dry-run"])
def test_a_bad_file_is_refused_with_its_line_and_key(text: str, said: str, mode: list[str]) -> None:
    Path(FILE).write_text(text)
    assert refused(["run", FILE, *mode], 2).startswith(f"error: {said}")


def test_a_bad_flag_or_assignment_is_named_as_it_was_typed() -> None:
    assert refused(["run", "--model", "a", "--device", "gpu"], 2) == (
        "error: --device: device must be cuda or cpu, not 'gpu' (did you mean cuda?)\n"
    )
    assert refused(["run", "--model", "a", "-n", "0"], 2).startswith("error: --n-prompts: workload.n_prompts")
    assert refused(["run", "--model", "a", "--set", "pytorch.batch_sise=4"], 2) == (
        "error: --set pytorch.batch_sise: unknown key 'pytorch.batch_sise' (did you mean 'pytorch.batch_size'?)\n"
    )
    assert "write KEY=VALUE" in refused(["run", "--model", "a", "--set", "nonsense"], 2)


def test_no_model_at_all_is_missed() -> None:
    assert refused(["run"], 2).startswith("error: model is missing")
    assert refused(["run", "--model", ""], 2) == "error: --model: model must not be empty\n"


def test_a_model_given_as_a_file_is_pointed_to_its_flag() -> None:
    assert "llem run --model gpt2" in refused(["run", "gpt2"], 2)
    assert refused(["run", "none.yaml"], 2) == "error: none.yaml does not exist\n"


def test_an_option_that_does_not_exist_is_a_usage_error() -> None:
    assert "--modle" in refused(["run", "--modle", "a"], 2)
    assert refused(["shwo"], 2)


def test_show_says_what_it_did_not_find() -> None:
    assert refused(["show", "nowhere"], 6) == "error: nowhere does not exist\n"
    Path("bundle").mkdir()
    assert refused(["show", "bundle"], 6) == (
        "error: bundle is not a bundle: there is no result.json and no run.json\n"
    )


def test_a_defect_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("llenergymeasure.config.schema.config_schema", broken)
    monkeypatch.delenv("LLEM_DEBUG", raising=False)
    assert refused(["schema"], 1) == (
        "error: internal error: ZeroDivisionError: by zero. This is a defect of llem: "
        "please report it (LLEM_DEBUG=1 shows where it happened)\n"
    )


def test_an_interrupt_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("llenergymeasure.config.schema.config_schema", stopped)
    assert refused(["schema"], 130) == "interrupted\n"


def test_a_token_is_never_printed() -> None:
    token = "hf_" + "a1B2" * 8
    assert token not in refused(["run", "--model", "a", "--set", f"passthrough_kwargs={token}"], 2)
    for mode in ([], ["--json"]):
        arguments = ["run", "--model", "./none", "--device", "cpu", "--dry-run", *mode]
        arguments += ["--set", f"passthrough_kwargs={{token: {token}, list: [{token}], eos_token: x}}"]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 3
        assert token not in done.output
        assert "***" in done.stdout
        assert "passthrough_kwargs.token looks like a secret" in done.output


@pytest.mark.parametrize(
    ("command", "exit_code"), [(["show"], 6), (["verify"], 9), (["run"], 2), (["run", "--dry-run"], 2)]
)
def test_a_name_that_is_too_long_is_no_defect(command: list[str], exit_code: int) -> None:
    done = CliRunner().invoke(app, [*command, f"{'a' * 5000}.yaml"])
    assert done.exit_code == exit_code, done.stderr[-200:]
    assert "internal error" not in done.stderr
