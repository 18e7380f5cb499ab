"""The software and hardware an experiment ran on."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import re
import shutil
import subprocess
import sys

from pydantic import Field

from llenergymeasure.constants import VERSION
from llenergymeasure.core import environment as machine
from llenergymeasure.core.files.names import escaped
from llenergymeasure.core.hardware import (
    ContainerEnvironment,
    CPUEnvironment,
    CUDAEnvironment,
    EnvironmentMetadata,
    GPUEnvironment,
    ThermalEnvironment,
)
from llenergymeasure.core.packages import installed_versions
from llenergymeasure.core.record import Record
from llenergymeasure.core.secrets import mask_environment, mask_secrets

__all__ = [
    "CPUEnvironment",
    "CUDAEnvironment",
    "ContainerEnvironment",
    "EnvironmentMetadata",
    "EnvironmentSnapshot",
    "GPUEnvironment",
    "ThermalEnvironment",
    "collect_environment_snapshot",
    "detect_cuda_version_with_source",
]

logger = logging.getLogger(__name__)

CUDA_VERSION_FILES = ("/usr/local/cuda/version.txt", "/usr/local/cuda/version.json")
TELLING_VARIABLES = (
    "CUDA_", "NVIDIA_", "NCCL_", "TORCH", "PYTORCH_", "TRITON_", "HF_", "TRANSFORMERS_", "TOKENIZERS_",
    "VLLM_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "HIP_", "ROCR_", "ROCM_", "LD_PRELOAD", "LD_LIBRARY_PATH",
    "LLEM_POWERCAP_DIR",
)  # fmt: skip
"""Beginnings of the environment variables that can move a figure, or decide what is measured."""


class EnvironmentSnapshot(Record):
    """Full software+hardware environment snapshot for experiment reproducibility."""

    hardware: EnvironmentMetadata
    python_version: str
    pip_freeze: str
    """Empty where pip is missing; see `packages` then."""
    conda_list: str | None = None
    tool_version: str
    cuda_version: str | None = None
    cuda_version_source: str | None = None
    """`torch`, `version_txt` or `nvcc`."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Installed distributions and their versions, where pip did not list them."""
    environment_variables: dict[str, str] = Field(default_factory=dict)
    """Those that can move a figure; secrets are masked."""
    git_commit: str | None = None
    """Of the repository that the run was started in."""


def collect_environment_snapshot() -> EnvironmentSnapshot:
    """Look at software and hardware; `pip freeze` takes most of the time, about a second."""
    hardware = machine.collect_environment_metadata()
    pip_freeze = _capture_pip_freeze()
    cuda_version, cuda_version_source = detect_cuda_version_with_source()
    return EnvironmentSnapshot(
        hardware=hardware,
        python_version=platform.python_version(),
        pip_freeze=pip_freeze,
        conda_list=_capture_conda_list(),
        tool_version=VERSION,
        cuda_version=cuda_version,
        cuda_version_source=cuda_version_source,
        packages={} if pip_freeze else installed_versions(),
        environment_variables=_telling_variables(),
        git_commit=_git_commit(),
    )


def detect_cuda_version_with_source() -> tuple[str | None, str | None]:
    """Return the version of the CUDA toolkit in use and where it was found: `torch`, `version_txt` or `nvcc`."""
    sources = (
        (_cuda_version_of_torch, "torch"),
        (_cuda_version_in_files, "version_txt"),
        (_cuda_version_of_nvcc, "nvcc"),
    )
    for find_version, source in sources:
        version = find_version()
        if version:
            return version, source
    return None, None


def _cuda_version_of_torch() -> str | None:
    try:
        if importlib.util.find_spec("torch") is None:
            return None
        import torch

        version: str | None = torch.version.cuda
        return version
    except Exception as error:  # noqa: BLE001 - a torch that does not import breaks in many ways
        logger.debug("torch does not report its CUDA version: %s", error)
        return None


def _cuda_version_in_files() -> str | None:
    for path in CUDA_VERSION_FILES:
        try:
            with open(path) as file:
                found = re.search(r"(\d+\.\d+)", file.read())
        except Exception as error:  # noqa: BLE001 - whatever it is, there are other sources
            logger.debug("%s does not report the CUDA version: %s", path, error)
            continue
        if found:
            return found[1]
    return None


def _cuda_version_of_nvcc() -> str | None:
    try:
        answer = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, timeout=5)
        found = re.search(r"release (\d+\.\d+)", answer.stdout)
    except Exception as error:  # noqa: BLE001 - missing, hanging, unreadable
        logger.debug("nvcc does not report the CUDA version: %s", error)
        return None
    return found[1] if found else None


def _capture_pip_freeze() -> str:
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, timeout=30
        )
        return mask_secrets(answer.stdout)
    except Exception as error:  # noqa: BLE001 - a snapshot never stops a run
        logger.debug("pip freeze failed: %s", error)
        return ""


def _capture_conda_list() -> str | None:
    if shutil.which("conda") is None:
        return None
    try:
        answer = subprocess.run(["conda", "list"], capture_output=True, text=True, timeout=30)
        return mask_secrets(answer.stdout) or None
    except Exception as error:  # noqa: BLE001 - a snapshot never stops a run
        logger.debug("conda list failed: %s", error)
        return None


def _telling_variables() -> dict[str, str]:
    return mask_environment(
        {
            escaped(name): escaped(value)
            for name, value in os.environ.items()
            if name.startswith(TELLING_VARIABLES)
        }
    )


def _git_commit() -> str | None:
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
        found = re.fullmatch(r"[0-9a-f]{40,64}", answer.stdout.strip())
    except Exception as error:  # noqa: BLE001 - no git, no repository: nothing to record
        logger.debug("git does not report the commit: %s", error)
        return None
    return found[0] if found else None
