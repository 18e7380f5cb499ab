"""The one-word commands: listed, and resting on a Python that runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

FIND_PYTHON = ROOT / "scripts" / "find-python"
THIS = "{}.{}".format(*sys.version_info)

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
def test_make_alone_lists_every_target():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    for target in phony.group(1).split():
        assert re.search(rf"^  {target} +\S", listed, re.MULTILINE), target


@needs_make
@pytest.mark.parametrize("target", ["quickstart", "test", "test-fast", "check", "bench"])
def test_every_target_makes_its_environment_first(target, tmp_path):
    done = subprocess.run(
        ["make", "--dry-run", f"VENV={tmp_path}/venv", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"-m venv --clear {tmp_path}/venv" in done.stdout
    assert done.stdout.index("-m venv") < done.stdout.index("-m pip install")


def _find(version: str, path: list[Path], home: Path) -> subprocess.CompletedProcess[str]:
    folders = os.pathsep.join([*map(str, path), "/usr/bin", "/bin"])
    environment = {"PATH": folders, "HOME": str(home)}
    return subprocess.run([str(FIND_PYTHON), version], env=environment, capture_output=True, text=True)


def _script(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)


def test_a_shim_without_its_python_is_passed_over(tmp_path):
    _script(tmp_path / "shims", f"python{THIS}", "echo 'command not found' >&2; exit 127")
    _script(tmp_path / "real", f"python{THIS}", f'exec "{sys.executable}" "$@"')
    found = _find(THIS, [tmp_path / "shims", tmp_path / "real"], tmp_path)
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_a_python_that_only_pyenv_has_is_found(tmp_path):
    folder = tmp_path / ".pyenv" / "versions" / "3.99.1" / "bin"
    folder.mkdir(parents=True)
    _script(folder, "python", "case $2 in *executable*) echo it;; esac")
    assert _find("3.99", [], tmp_path).stdout == "it\n"


def test_no_python_is_said_with_the_remedy(tmp_path):
    found = _find("3.98", [], tmp_path)
    assert found.returncode == 1
    assert "make PYTHON=" in found.stderr
