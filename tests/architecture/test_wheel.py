"""What a person without the repository gets."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, SOURCE


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_brings_every_module_and_nothing_else(wheel):
    brought = {name for name in wheel.namelist() if ".dist-info/" not in name}
    here = {
        str(Path("llenergymeasure") / path.relative_to(SOURCE))
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert brought == here


def test_the_wheel_brings_prompts_types_and_licence(wheel):
    names = wheel.namelist()
    assert "llenergymeasure/py.typed" in names
    assert "llenergymeasure/workloads/data/prompts.jsonl" in names
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_wheel_installs_the_command(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "llem = llenergymeasure.cli.main:main" in wheel.read(name).decode()


def test_the_version_is_the_literal_in_the_package(wheel):
    import llenergymeasure

    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert f"\nVersion: {llenergymeasure.__version__}\n" in wheel.read(name).decode()
