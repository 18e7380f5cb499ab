"""Fixtures that put simulated hardware under a child process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.nvml.build import CannotBuildError, build_library
from tests.simulators.nvml.machine import NvmlMachine
from tests.simulators.powercap import PowercapTree, RunningPowercap, run_powercap

NvmlSimulator = Callable[..., dict[str, str]]
PowercapSimulator = Callable[[PowercapTree], RunningPowercap]
ChildJson = Callable[..., Any]
REFUSING_FS = Path("tests/simulators/refusing_fs.c").absolute()


@pytest.fixture(scope="session")
def refusing_fs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload, which refuses calls under a folder as file systems do; see its source."""
    if shutil.which("cc") is None:
        if os.environ.get("CI"):
            pytest.fail("no C compiler")
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("refusing") / "refusing_fs.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", library, REFUSING_FS, "-ldl"], check=True, timeout=60
    )
    return library


@pytest.fixture(scope="session")
def nvml_library_dir() -> Path:
    """The folder of the simulated library. Skips without compiler or header, except in CI, where that is a failure."""
    try:
        return build_library()
    except CannotBuildError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def nvml_simulator(nvml_library_dir: Path, tmp_path: Path) -> NvmlSimulator:
    """A function `(machine, **variables) -> environment` for a child process that shall see that machine.

    A process loads the library once, so the test itself never does. The environment is this process' own, without
    CUDA_VISIBLE_DEVICES; `variables` are set on top.
    """
    numbers = iter(range(1000))

    def environment(machine: NvmlMachine, **variables: str) -> dict[str, str]:
        spec = tmp_path / f"nvml-{next(numbers)}.spec"
        machine.write(spec)
        kept = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
        paths = [str(nvml_library_dir), *filter(None, [kept.get("LD_LIBRARY_PATH")])]
        return {
            **kept,
            "LD_LIBRARY_PATH": os.pathsep.join(paths),
            "LLEM_SIMULATED_NVML": str(spec),
            **variables,
        }

    return environment


@pytest.fixture
def powercap_simulator(tmp_path: Path) -> Iterator[PowercapSimulator]:
    """A function `(tree) -> running tree`; what it starts is stopped when the test ends."""
    with ExitStack() as stack:
        numbers = iter(range(1000))

        def start(tree: PowercapTree) -> RunningPowercap:
            return stack.enter_context(run_powercap(tree, tmp_path / f"powercap-{next(numbers)}"))

        yield start


@pytest.fixture
def child_json() -> ChildJson:
    """A function `(code, environment, *arguments)`: run it in a fresh interpreter, return the JSON it prints."""
    return run_child_json


def run_child_json(code: str, environment: dict[str, str], *arguments: str) -> Any:
    """Run code in a fresh interpreter and return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
