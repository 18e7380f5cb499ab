"""vLLM as it is installed: imported with the environment that it needs, and what it takes as arguments."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Collection
from typing import Any

from llenergymeasure.exceptions import BackendError
from llenergymeasure.foreign_code import explained

ENVIRONMENT = {
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork of a process with threads and a CUDA context hangs or fails
    "VLLM_NO_USAGE_STATS": "1",  # a measurement sends nothing anywhere
}
"""What is set before vLLM is imported, unless the user has set it."""


def import_vllm() -> Any:
    """Import vLLM, which takes some ten seconds the first time.

    Raises:
        BackendError: it is there and does not import, with what to try.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with explained(_does_not_import):
        import vllm
        import vllm.engine.arg_utils
        import vllm.v1.engine.async_llm

        return vllm


def platform_of(vllm: Any) -> str:
    """Return the kind of device that this build of vLLM computes on: `cpu`, `cuda`, `rocm`..."""
    with explained(_does_not_import):
        return str(vllm.platforms.current_platform._enum.name).lower()


def engine_argument_names(vllm: Any) -> Collection[str]:
    """Return the names that the installed `AsyncEngineArgs` takes."""
    return [field.name for field in dataclasses.fields(vllm.engine.arg_utils.AsyncEngineArgs) if field.init]


def sampling_argument_names(vllm: Any) -> Collection[str]:
    """Return the names that the installed `SamplingParams` takes."""
    names = inspect.signature(vllm.SamplingParams).parameters
    return [name for name in names if not name.startswith("_")]


def _does_not_import(cause: str) -> BackendError:
    return BackendError(
        f"vLLM is installed and does not import: {cause} → install it into a fresh virtual environment, with "
        "llenergymeasure beside it, and name its interpreter (--python)"
    )
