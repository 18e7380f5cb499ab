"""One NVML session at a time, and the GPUs it shows."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llenergymeasure.core.visible import Gpu, select_visible
from llenergymeasure.exceptions import MeterUnavailable

__all__ = ["Gpu", "list_gpus", "replaced_library", "session", "visible_gpus"]

logger = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
SYSTEM_FOLDERS = ("/lib", "/usr/", "/run/opengl-driver", "/nix/store", "/gnu/store", "/.singularity.d/libs")
"""Folders of the driver's library: distributions, /usr/local/nvidia (Kubernetes), WSL, NixOS, Guix, Apptainer."""


@contextmanager
def session() -> Iterator[Any]:
    """Yield the `pynvml` module, initialised; nests freely, since NVML counts its users.

    What the body raises passes through unchanged.

    Raises:
        MeterUnavailable: no binding, library, driver or permission.
    """
    pynvml = _initialise()
    try:
        yield pynvml
    finally:
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError as error:
            logger.debug("nvmlShutdown failed: %s", error)


def list_gpus() -> tuple[Gpu, ...]:
    """Return every NVIDIA GPU of the machine that answers, in NVML's order.

    Raises:
        MeterUnavailable: as `session`.
    """
    with session() as pynvml:
        try:
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            raise _unavailable(pynvml, error) from None
        gpus = (_read_gpu(pynvml, index) for index in range(count))
        return tuple(gpu for gpu in gpus if gpu is not None)


def visible_gpus(environ: Mapping[str, str] | None = None) -> tuple[Gpu, ...]:
    """Return the cards that CUDA lets this process use, in CUDA_VISIBLE_DEVICES' order; `os.environ` by default.

    Raises:
        MeterUnavailable: as `session`.
    """
    return select_visible(list_gpus(), os.environ if environ is None else environ)


def replaced_library(environ: Mapping[str, str]) -> str | None:
    """Return the NVML library that the environment puts before the system's own; None where it does not.

    The loader searches LD_PRELOAD and LD_LIBRARY_PATH first (ld.so(8)). Folders in which systems and container
    runtimes place the driver's library themselves count as the system's.
    """
    preloaded = [Path(entry) for entry in re.split("[: ]", environ.get("LD_PRELOAD", "")) if entry]
    folders = [Path(entry or ".") for entry in environ.get("LD_LIBRARY_PATH", "").split(":")]
    named = [path for path in preloaded if path.name.startswith("libnvidia-ml.so")]
    searched = [folder / LIBRARY for folder in folders if environ.get("LD_LIBRARY_PATH")]
    first = next((path for path in (*named, *searched) if path.exists()), None)
    if first is None or first.resolve().as_posix().startswith(SYSTEM_FOLDERS):
        return None
    return str(first)


def _initialise() -> Any:
    try:
        import pynvml
    except ImportError:
        raise MeterUnavailable(
            "the Python binding of NVML is not installed", "pip install nvidia-ml-py"
        ) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise _unavailable(pynvml, error) from None
    return pynvml


def _unavailable(pynvml: Any, error: Any) -> MeterUnavailable:
    known = {
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: (
            "the NVIDIA driver's library libnvidia-ml.so.1 was not found",
            "install the NVIDIA driver, or start the container with --gpus all",
        ),
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED: ("the NVIDIA driver is not loaded", "sudo modprobe nvidia"),
        pynvml.NVML_ERROR_NO_PERMISSION: (
            "no permission to talk to the NVIDIA driver",
            "ls -l /dev/nvidia*  # the user needs read and write access to these",
        ),
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
            "the NVIDIA driver and its library are of different versions",
            "sudo reboot  # loads the kernel module of the version that was installed last",
        ),
    }
    fallback = (f"NVML did not start: {error}", None)
    return MeterUnavailable(*known.get(error.value, fallback))


def _read_gpu(pynvml: Any, index: int) -> Gpu | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        mig_enabled = _mig_enabled(pynvml, handle)
        return Gpu(
            index=index,
            uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
            name=_text(pynvml.nvmlDeviceGetName(handle)),
            pci_bus_id=_text(pynvml.nvmlDeviceGetPciInfo(handle).busId),
            mig_enabled=mig_enabled,
            mig_uuids=_mig_uuids(pynvml, handle) if mig_enabled else (),
        )
    except pynvml.NVMLError as error:
        logger.warning("GPU %d does not answer and is left out: %s", index, error)
        return None


def _mig_enabled(pynvml: Any, handle: Any) -> bool:
    try:
        return bool(pynvml.nvmlDeviceGetMigMode(handle)[0])
    except pynvml.NVMLError:
        return False  # cards before Ampere have no such mode


def _mig_uuids(pynvml: Any, handle: Any) -> tuple[str, ...]:
    slots = range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle))
    return tuple(uuid for slot in slots if (uuid := _mig_uuid(pynvml, handle, slot)) is not None)


def _mig_uuid(pynvml: Any, handle: Any, slot: int) -> str | None:
    try:
        return _text(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)))
    except pynvml.NVMLError:
        return None  # most slots are empty


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
