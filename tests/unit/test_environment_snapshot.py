"""The snapshot: what software and hardware an experiment ran on, with nothing invented and nothing secret."""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

import llenergymeasure
from llenergymeasure.core.environment import collect_environment_metadata
from llenergymeasure.domain import environment
from llenergymeasure.domain.environment import (
    ContainerEnvironment,
    CPUEnvironment,
    CUDAEnvironment,
    EnvironmentMetadata,
    EnvironmentSnapshot,
    GPUEnvironment,
    ThermalEnvironment,
    collect_environment_snapshot,
    detect_cuda_version_with_source,
)
from llenergymeasure.domain.experiment import ExperimentResult

Runner = Callable[..., SimpleNamespace]


def _hardware() -> EnvironmentMetadata:
    return EnvironmentMetadata(
        gpu=GPUEnvironment(name="NVIDIA A100-SXM4-80GB", vram_total_mb=81920),
        cuda=CUDAEnvironment(version="12.4", driver_version="550.54.15"),
        thermal=ThermalEnvironment(),
        cpu=CPUEnvironment(platform="Linux"),
        container=ContainerEnvironment(),
        collected_at=datetime.now(timezone.utc),
    )


def _nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no source tell a CUDA version."""

    def missing(*_arguments: object, **_options: object) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(builtins, "open", missing)
    monkeypatch.setattr(subprocess, "run", missing)


def _files(contents: dict[str, str]) -> Callable[[str], io.StringIO]:
    def read(path: str) -> io.StringIO:
        if path not in contents:
            raise FileNotFoundError(path)
        return io.StringIO(contents[path])

    return read


def _answering(stdout: str, commands: list[Any]) -> Runner:
    def run(command: list[str], **options: object) -> SimpleNamespace:
        commands.append((command, options))
        return SimpleNamespace(stdout=stdout, stderr="", returncode=0)

    return run


def test_environment_snapshot_model() -> None:
    snapshot = EnvironmentSnapshot(
        hardware=_hardware(), python_version="3.12.1", pip_freeze="torch==2.4.0\n", tool_version="2.0.0"
    )
    assert (snapshot.conda_list, snapshot.cuda_version, snapshot.cuda_version_source) == (None, None, None)
    assert EnvironmentSnapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    assert snapshot.hardware.gpu.vram_total_mb == 81920


def test_snapshot_within_a_result_is_described_and_loads_back_equal() -> None:
    hardware = collect_environment_metadata()
    snapshot = EnvironmentSnapshot(
        hardware=hardware,
        python_version=platform.python_version(),
        pip_freeze="",
        tool_version=llenergymeasure.__version__,
        environment_variables={"OMP_NUM_THREADS": "2"},
    )
    result = ExperimentResult(
        experiment_id="e",
        config_hash="h",
        backend="pytorch",
        model="m",
        device="cpu",
        environment=hardware,
        environment_snapshot=snapshot,
    )
    assert ExperimentResult.model_validate_json(result.model_dump_json()) == result
    field = ExperimentResult.model_fields["environment_snapshot"]
    assert field.description == "Full software+hardware environment snapshot (v2.0)"


def test_records_refuse_keys_that_they_do_not_know() -> None:
    with pytest.raises(ValidationError, match="colour"):
        GPUEnvironment.model_validate({"name": "A100", "vram_total_mb": 1, "colour": "green"})


def test_thermal_and_container_need_not_be_given() -> None:
    hardware = EnvironmentMetadata(
        gpu=GPUEnvironment(name="none", vram_total_mb=0),
        cuda=CUDAEnvironment(version="none", driver_version="none"),
        cpu=CPUEnvironment(platform="Linux"),
        collected_at=datetime.now(timezone.utc),
    )
    assert hardware.thermal == ThermalEnvironment()
    assert hardware.container == ContainerEnvironment()


def test_cuda_version_from_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    _nothing_found(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "torch" else None)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(version=SimpleNamespace(cuda="12.8")))  # type: ignore[arg-type]
    assert detect_cuda_version_with_source() == ("12.8", "torch")


def test_cuda_version_of_a_cpu_build_of_torch_is_looked_for_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _nothing_found(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(version=SimpleNamespace(cuda=None)))  # type: ignore[arg-type]
    monkeypatch.setattr(builtins, "open", _files({"/usr/local/cuda/version.txt": "CUDA Version 11.8.89\n"}))
    assert detect_cuda_version_with_source() == ("11.8", "version_txt")


@pytest.mark.parametrize(
    "file",
    [
        {"/usr/local/cuda/version.txt": "CUDA Version 12.2.0\n"},
        {"/usr/local/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.2.1"}}'},
        {"/usr/local/cuda/version.txt": "no number", "/usr/local/cuda/version.json": '{"cuda": "12.2"}'},
    ],
)
def test_cuda_version_from_version_txt(monkeypatch: pytest.MonkeyPatch, file: dict[str, str]) -> None:
    _nothing_found(monkeypatch)
    monkeypatch.setattr(builtins, "open", _files(file))
    assert detect_cuda_version_with_source() == ("12.2", "version_txt")


def test_cuda_version_from_nvcc(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[Any] = []
    _nothing_found(monkeypatch)
    said = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 12.6, V12.6.77\n"
    monkeypatch.setattr(subprocess, "run", _answering(said, commands))
    assert detect_cuda_version_with_source() == ("12.6", "nvcc")
    assert commands == [(["nvcc", "--version"], {"capture_output": True, "text": True, "timeout": 5})]


def test_cuda_version_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _nothing_found(monkeypatch)
    assert detect_cuda_version_with_source() == (None, None)


def test_cuda_version_none_where_every_source_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(importlib.util, "find_spec", broken)
    monkeypatch.setattr(builtins, "open", broken)
    monkeypatch.setattr(subprocess, "run", broken)
    assert detect_cuda_version_with_source() == (None, None)


def test_pip_freeze_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[Any] = []
    monkeypatch.setattr(subprocess, "run", _answering("numpy==2.1.0\ntokenizers==0.20.0\n", commands))
    assert environment._capture_pip_freeze() == "numpy==2.1.0\ntokenizers==0.20.0\n"
    command = [sys.executable, "-m", "pip", "freeze"]
    assert commands == [(command, {"capture_output": True, "text": True, "timeout": 30})]


def test_pip_freeze_masks_credentials_and_keeps_what_identifies_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "acme @ git+https://me:hunter2@example.org/acme.git@0123abc"
    monkeypatch.setattr(subprocess, "run", _answering(line, []))
    assert environment._capture_pip_freeze() == "acme @ git+https://***@example.org/acme.git@0123abc"


def test_pip_freeze_that_fails_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_arguments: object, **_options: object) -> Any:
        raise subprocess.TimeoutExpired("pip", 30)

    monkeypatch.setattr(subprocess, "run", hang)
    assert environment._capture_pip_freeze() == ""


def test_conda_list_no_conda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert environment._capture_conda_list() is None


def test_conda_list_is_kept_and_its_failure_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[Any] = []
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/conda/bin/conda")
    monkeypatch.setattr(subprocess, "run", _answering("# packages\nnumpy 2.1.0\n", commands))
    assert environment._capture_conda_list() == "# packages\nnumpy 2.1.0\n"
    assert commands[0][0] == ["conda", "list"]
    monkeypatch.setattr(subprocess, "run", _answering("", []))
    assert environment._capture_conda_list() is None


def test_collect_environment_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = _hardware()
    monkeypatch.setattr("llenergymeasure.core.environment.collect_environment_metadata", lambda: hardware)
    monkeypatch.setattr(environment, "_capture_pip_freeze", lambda: "torch==2.4.0\n")
    monkeypatch.setattr(environment, "_capture_conda_list", lambda: None)
    monkeypatch.setattr(environment, "detect_cuda_version_with_source", lambda: ("12.4", "torch"))
    snapshot = collect_environment_snapshot()
    assert snapshot.hardware is hardware
    assert snapshot.python_version == platform.python_version()
    assert snapshot.pip_freeze == "torch==2.4.0\n"
    assert snapshot.conda_list is None
    assert snapshot.tool_version == llenergymeasure.__version__ == "2.0.0"
    assert (snapshot.cuda_version, snapshot.cuda_version_source) == ("12.4", "torch")


@pytest.fixture
def quick_snapshot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], EnvironmentSnapshot]:
    """Take a snapshot without the commands it starts."""
    _patched = {"_capture_pip_freeze": lambda: "", "_capture_conda_list": lambda: None}
    for name, answer in _patched.items():
        monkeypatch.setattr(environment, name, answer)
    monkeypatch.setattr(environment, "detect_cuda_version_with_source", lambda: (None, None))
    return collect_environment_snapshot


def test_snapshot_lists_packages_itself_where_pip_does_not(
    quick_snapshot: Callable[[], EnvironmentSnapshot],
) -> None:
    assert "pydantic" in quick_snapshot().packages


def test_snapshot_keeps_variables_that_move_figures_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, quick_snapshot: Callable[[], EnvironmentSnapshot]
) -> None:
    for name in list(os.environ):
        if name.startswith(environment.TELLING_VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdefghij")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:hunter2@example.org")
    monkeypatch.setenv("LLEM_POWERCAP_DIR", "/host/powercap")
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("LD_PRELOAD", "libjemalloc.so")
    monkeypatch.setenv("AWS_REGION", "does not move a figure")
    snapshot = quick_snapshot()
    assert snapshot.environment_variables == {
        "CUDA_VISIBLE_DEVICES": "1",
        "HF_ENDPOINT": "https://***@example.org",
        "HF_TOKEN": "***",
        "LD_PRELOAD": "libjemalloc.so",
        "LLEM_POWERCAP_DIR": "/host/powercap",
        "ROCR_VISIBLE_DEVICES": "0",
    }
    written = snapshot.model_dump_json()
    assert "hf_0123456789" not in written
    assert "hunter2" not in written


def test_commit_is_of_the_folder_that_the_run_started_in(
    monkeypatch: pytest.MonkeyPatch, quick_snapshot: Callable[[], EnvironmentSnapshot]
) -> None:
    monkeypatch.setattr(subprocess, "run", _answering("a" * 40 + "\n", []))
    assert quick_snapshot().git_commit == "a" * 40
    monkeypatch.setattr(subprocess, "run", _answering("fatal: not a git repository", []))
    assert quick_snapshot().git_commit is None
