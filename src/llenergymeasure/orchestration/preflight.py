"""Pre-flight: GPU, backend and model, checked before every experiment; `readiness` asks further questions."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import sys
from collections.abc import Iterator

from llenergymeasure import plugins
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.core.secrets import mask_secrets, mask_url_credentials
from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.domain.model.hub_access import TIMEOUT_S, is_cached
from llenergymeasure.domain.model.hub_answers import hub_answer, refusal_of
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import missing_source
from llenergymeasure.exceptions import ConfigError, PluginError, PreFlightError

logger = logging.getLogger(__name__)

HUB_TIMEOUT_S = TIMEOUT_S
DRIVER_TIMEOUT_S = gpu.TIMEOUT_S
MODULES = {"pytorch": "transformers", "vllm": "vllm", "tensorrt": "tensorrt_llm"}
"""The module that shows that a backend of ours is installed; other backends declare what they need."""


def run_preflight(config: ExperimentConfig) -> None:
    """Check that the GPU, the backend and the model are there; `readiness.ready.require_ready` looks further.

    Raises:
        PreFlightError: with every problem that was found.
    """
    failures = list(_failures(config))
    if failures:
        raise PreFlightError.listing(failures)
    _warn_if_persistence_mode_off()


def is_installed(backend: str) -> bool:
    """Whether the software of a backend is installed."""
    return _check_backend_installed(backend)


def model_failure(model_id: str) -> str | None:
    """Return why a model is not there, or None."""
    return _check_model_accessible(model_id)


def _failures(config: ExperimentConfig) -> Iterator[str]:
    is_elsewhere = plugins.can("backends", config.backend, "serves_by_name")
    if config.device == "cuda" and not is_elsewhere:
        yield from _cuda_failure()
    if not _check_backend_installed(config.backend):
        yield _not_installed(config.backend)
    failure = None if is_elsewhere else model_failure(config.model)
    if failure is not None:
        yield failure


def _check_cuda_available() -> bool:
    if not _found("torch"):
        return False
    import torch

    available: bool = torch.cuda.is_available()
    return available


def _check_backend_installed(backend: str) -> bool:
    if backend in MODULES:
        return _found(MODULES[backend])
    try:
        return not plugins.declaration("backends", backend).missing_modules()
    except (ConfigError, PluginError) as error:
        logger.debug("backend %s: %s", backend, error)
        return False


def _check_model_accessible(model_id: str) -> str | None:
    ref = parse_model_ref(model_id)
    if ref.is_local:
        return missing_source(ref)
    if ref.kind == "url":
        return f"{mask_url_credentials(model_id)} is a URL: write the model's id on the Hub, OWNER/NAME"
    if not _found("huggingface_hub"):
        return None
    from huggingface_hub import HfApi

    refusal = _refusal(model_id, fault_within(HUB_TIMEOUT_S, lambda: HfApi().model_info(ref.name)))
    return None if refusal is not None and is_cached(ref.name) else refusal


def _warn_if_persistence_mode_off() -> None:
    """Without persistence mode the driver unloads between processes, and the next one waits for it."""
    if isinstance(fault_within(DRIVER_TIMEOUT_S, _say_persistence_mode), TimeoutError):
        logger.warning(
            "the NVIDIA driver did not answer within %.0f s: nvidia-smi says whether it hangs",
            DRIVER_TIMEOUT_S,
        )


def _say_persistence_mode() -> None:
    try:
        if not _found("pynvml"):
            return
        import pynvml

        pynvml.nvmlInit()
        try:
            mode = pynvml.nvmlDeviceGetPersistenceMode(pynvml.nvmlDeviceGetHandleByIndex(0))
        finally:
            pynvml.nvmlShutdown()
        if mode in (0, pynvml.NVML_FEATURE_DISABLED):
            logger.warning(
                "GPU persistence mode is off. First experiment may have higher latency. "
                "Enable: sudo nvidia-smi -pm 1"
            )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - advice never stops a run, whatever package that is
        logger.debug("persistence mode is unknown: %s", error)


def _found(module: str) -> bool:
    """Tell whether a module is there without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return sys.modules.get(module) is not None  # made by hand, without a spec


def _cuda_failure() -> Iterator[str]:
    try:
        if not _check_cuda_available():
            yield f"CUDA not available: {_why_no_cuda()}, or run on the CPU (device: cpu)"
    except Exception as error:  # noqa: BLE001 - a torch that does not import breaks in many ways
        yield f"CUDA not available: torch does not work: {error} → {_torch_install()}"


def _why_no_cuda() -> str:
    if not _found("torch"):
        return f"torch is not installed → {_torch_install()}"
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA → install a CUDA build of torch"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return f"torch sees no GPU with CUDA_VISIBLE_DEVICES='{visible}' → unset it, or name a GPU"
    return "torch sees no GPU → repair the driver until `nvidia-smi` lists one"


def _torch_install() -> str:
    return plugins.declaration("backends", "pytorch").install


def _not_installed(backend: str) -> str:
    try:
        plugin = plugins.declaration("backends", backend)
    except (ConfigError, PluginError) as error:
        return f"{backend} not installed: {error}"
    return f"{backend} not installed → {plugin.install}" + (
        "" if plugin.target else f", which is not enough: {plugins.unimplemented(backend)}"
    )


def _refusal(model_id: str, fault: Exception | None) -> str | None:
    """Return why the Hub does not give a model, or None where it gives it, or where nothing is known."""
    if fault is None:
        return None
    logger.debug("the Hub on %s: %s", model_id, mask_secrets(str(fault)))
    answer = hub_answer(fault)
    if isinstance(fault, json.JSONDecodeError):  # a login page, say
        return None
    return _refusal_by_text(model_id, str(fault).lower()) if answer is None else refusal_of(model_id, answer)


def _refusal_by_text(model_id: str, text: str) -> str | None:
    absent = "repository not found" in text
    if not absent and (_has_code(text, "401", "403") or "gated" in text):
        return refusal_of(model_id, "gated")
    return (
        f"{model_id} not found on HuggingFace Hub"
        if absent or _has_code(text, "404") or "not found" in text
        else None
    )


def _has_code(text: str, *codes: str) -> bool:
    """Request ids are long hexadecimal numbers that may hold the digits of a code."""
    return any(re.search(rf"(?<![0-9a-f]){code}(?![0-9a-f])", text) for code in codes)
