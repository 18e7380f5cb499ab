"""Processes of ours import nothing from the current folder, on every supported Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llenergymeasure.core.python_process import python_command, python_environment

HOSTILE = "import sys; sys.exit('imported from the current folder')"
PROBE = """
import os, subprocess, sys
import colorsys, queue, random, statistics
print(sys.argv[1:], subprocess.run([sys.executable, '-m', 'this_module'], capture_output=True).returncode)
subprocess.run([sys.executable, '-m', 'colorsys'], check=True)
subprocess.run([sys.executable, '-c', 'import colorsys'], check=True)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in ("colorsys", "queue", "random", "runpy", "statistics", "this_module"):
        (folder / f"{name}.py").write_text(HOSTILE)
    return folder


def _interpreters() -> list[str]:
    others = [shutil.which(f"python3.{minor}") for minor in range(10, 14)]
    return [sys.executable, *filter(None, others)]


def _run(python: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    other = None if python == sys.executable else python
    return subprocess.run(
        python_command("llem_probe", "one", "two", python=other),
        env=python_environment({**os.environ, "PYTHONPATH": path}, python=other),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("python", _interpreters())
@pytest.mark.parametrize("path", ["{probes}", "{probes}:", ".:{probes}", "{probes}:./"])
def test_neither_a_process_nor_its_children_import_from_the_current_folder(
    tmp_path: Path, hostile: Path, python: str, path: str
) -> None:
    if subprocess.run([python, "-c", ""], capture_output=True, timeout=60, check=False).returncode != 0:
        pytest.skip(f"{python} does not run")
    probes = tmp_path / "probes"
    probes.mkdir()
    (probes / "llem_probe.py").write_text(PROBE)
    done = _run(python, hostile, path.format(probes=probes))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['one', 'two'] 1\n"


@pytest.mark.parametrize("python", _interpreters())
def test_a_current_folder_that_the_python_path_names_in_full_is_imported_from(
    tmp_path: Path, python: str
) -> None:
    if subprocess.run([python, "-c", ""], capture_output=True, timeout=60, check=False).returncode != 0:
        pytest.skip(f"{python} does not run")
    (tmp_path / "llem_probe.py").write_text("import sys; print(sys.argv)")
    done = _run(python, tmp_path, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "'one', 'two'" in done.stdout


def test_the_users_own_sitecustomize_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.customised = True")
    environment = python_environment({**os.environ, "PYTHONPATH": str(tmp_path)}, python=sys.executable)
    code = "import sys, sitecustomize; print(customised, sitecustomize.__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["True", str(tmp_path / "sitecustomize.py")], done.stderr


def test_this_package_is_found_where_only_the_parent_process_had_it_on_its_path() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        python_command("llenergymeasure", "--version"),
        env=python_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("llem "), done.stderr


@pytest.mark.parametrize(("asked", "given"), [("2", "1"), ("1", "1"), ("0", "0"), (None, None)])
def test_docstrings_stay_for_the_libraries_that_read_them(asked, given):
    environ = {} if asked is None else {"PYTHONOPTIMIZE": asked}
    assert python_environment(environ).get("PYTHONOPTIMIZE") == given
