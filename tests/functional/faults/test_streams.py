"""Standard output and error of every kind: what was measured is never lost to them, and its place is told."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.standin_runs import bundles_in
from tests.support.typed import llem, quick_run

BUNDLE = str(Path("tests/data/bundle-2.0.0-draft").absolute())
ASCII = {"PYTHONIOENCODING": "ascii"}
LATIN = {"PYTHONIOENCODING": "latin-1"}
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
COMMANDS = {
    "doctor": ["doctor"],
    "doctor as JSON": ["doctor", "--json"],
    "show": ["show", BUNDLE],
    "budgets": ["show", "--uncertainty", BUNDLE],
    "result": ["show", "--json", BUNDLE],
    "verify": ["verify", BUNDLE],
    "verify as JSON": ["verify", "--json", BUNDLE],
    "schema": ["schema"],
    "help": ["run", "--help"],
    "dry run": ["run", "--dry-run", "--model=modèle", "--device=cpu", "--backend=vllm"],
}

CODES = {"verify": 9, "verify as JSON": 9, "dry run": 3}
"""Exit codes without any fault, where they are not 0: the bundle is of a draft of the format."""


def _shell(
    tmp_path: Path, arguments: list[str], redirections: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = f"set -o pipefail; {shlex.join(llem(tmp_path, *arguments))} {redirections}"
    return subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, timeout=90, check=False
    )


@pytest.mark.parametrize(
    ("name", "variables"),
    [*((name, ASCII) for name in COMMANDS), ("show", LATIN), ("result", LATIN), ("doctor", POSIX)],
)
def test_a_narrow_terminal_gets_what_it_can_show(
    tmp_path: Path, name: str, variables: dict[str, str]
) -> None:
    done = _shell(tmp_path, COMMANDS[name], env={**os.environ, **variables})
    assert done.returncode == CODES.get(name, 0), done.stderr
    text = (done.stdout + done.stderr).decode("latin-1" if variables is LATIN else "ascii")
    assert "Traceback" not in text
    assert "internal error" not in text
    if "--json" in COMMANDS[name] or name == "schema":
        assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.parametrize(
    ("name", "redirections"),
    [
        ("doctor", ">&- 2>&- <&-"),
        ("show", ">&-"),
        ("verify", "2>&-"),
        ("verify", "| head -c 1"),
        ("schema", "| head -c 1"),
        ("help", ">&-"),
        ("dry run", "2>/dev/full"),
    ],
)
def test_a_stream_that_takes_nothing_changes_no_exit_code(
    tmp_path: Path, name: str, redirections: str
) -> None:
    done = _shell(tmp_path, COMMANDS[name], redirections)
    assert done.returncode == CODES.get(name, 0), done.stderr
    assert b"internal error" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["doctor", "show", "result", "help", "dry run"])
def test_a_full_standard_output_is_said(tmp_path: Path, name: str) -> None:
    done = _shell(tmp_path, COMMANDS[name], "> /dev/full")
    assert done.returncode == CODES.get(name, 6)
    assert b"error: standard output cannot be written: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("redirections", [">&-", "--json > /dev/full"])
def test_the_bundle_of_a_run_is_told_where_somebody_listens(
    tmp_path: Path, standin_env: dict[str, str], redirections: str
) -> None:
    done = _shell(tmp_path, quick_run("out"), redirections, {**standin_env, **ASCII})
    assert done.returncode == (6 if "full" in redirections else 0), done.stderr
    (bundle,) = bundles_in(tmp_path)
    assert f"Bundle: {bundle.relative_to(tmp_path)}".encode() in done.stderr
    assert (bundle / "result.json").exists()


def test_a_closed_standard_error_does_not_spoil_the_document(tmp_path: Path) -> None:
    arguments = ["run", "--dry-run", "--json", "--model=any", "--backend=vllm", "--device=cpu"]
    done = _shell(tmp_path, arguments, "2>&-")
    assert done.returncode == 3
    assert json.loads(done.stdout)["preflight"]["passed"] is False
