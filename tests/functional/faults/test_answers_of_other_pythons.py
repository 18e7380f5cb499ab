"""`--python` with a program that is no Python, or one whose `llem` answers something else: told in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app

VERSION = "llem 2.0.0"


def _told(folder: Path, answer: str, *, code: int = 3, version: str = VERSION) -> str:
    """Return what is said of a program that answers so to `llem run --dry-run --json`, and `version` to `--version`."""
    program = folder / "python"
    program.write_text(
        f"#!/bin/sh\ncase \"$*\" in\n*--version) printf '{version}\\n';;\n"
        f"*) printf '{answer}\\n'; exit {code};;\nesac\n"
    )
    program.chmod(0o755)
    (folder / "model").mkdir()
    typed = [
        "run",
        "--model",
        str(folder / "model"),
        "--device",
        "cpu",
        "--dry-run",
        "--python",
        str(program),
    ]
    done = CliRunner().invoke(app, typed)
    assert "Traceback" not in done.output
    assert "internal error" not in done.output
    assert done.exit_code == 3, done.output
    return done.stderr


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        "",
        "[]",
        "3",
        "null",
        "{}",
        '{"preflight": []}',
        '{"preflight": {"problems": "text"}}',
        '{"preflight": {"problems": []}}',
        '{"preflight": {"problems": [3]}}',
        "[" * 50_000,
        "\\377\\376",
    ],
    ids=lambda answer: answer[:40],
)
def test_an_answer_of_another_shape_is_told(tmp_path: Path, answer: str) -> None:
    told = _told(tmp_path, answer)
    assert "does not answer as llem does (exit code 3, " in told
    assert "correct launcher.python" in told
    assert max(map(len, told.splitlines())) < 600


@pytest.mark.parametrize(("version", "said"), [("\\377", "\ufffd"), ("hello", "hello"), ("", "no output")])
def test_a_program_that_is_no_python_is_told_with_what_it_says(
    tmp_path: Path, version: str, said: str
) -> None:
    assert f"does not run llenergymeasure: {said} → " in _told(tmp_path, "", version=version)


def test_the_problems_that_it_finds_are_those_of_the_run(tmp_path: Path) -> None:
    told = _told(tmp_path, '{"preflight": {"problems": ["no GPU there"]}}')
    assert "1 issue(s) found\n  ✗ no GPU there" in told
