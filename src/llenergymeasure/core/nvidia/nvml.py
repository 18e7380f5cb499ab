"""One NVML session at a time, and the GPUs it shows."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llenergymeasure.core.nvidia.binding import (
    FOREIGN,
    UNKNOWN,
    Binding,
    NVMLError,
    load_binding,
    reinstall_command,
)
from llenergymeasure.core.nvidia.visible import Gpu, select_visible
from llenergymeasure.exceptions import MeterUnavailable

__all__ = ["FOREIGN", "Gpu", "NVMLError", "list_gpus", "replaced_library", "session", "visible_gpus"]

logger = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
SYSTEM_FOLDERS = ("/lib", "/usr/", "/run/opengl-driver", "/nix/store", "/gnu/store", "/.singularity.d/libs")
"""Folders of the driver's library: distributions, /usr/local/nvidia (Kubernetes), WSL, NixOS, Guix, Apptainer."""


@contextmanager
def session() -> Iterator[Binding]:
    """Yield the binding of NVML, initialised; nests freely, since NVML counts its users.

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
        except NVMLError as error:
            logger.debug("nvmlShutdown failed: %s", error)


def list_gpus() -> tuple[Gpu, ...]:
    """Return every NVIDIA GPU of the machine that answers, in NVML's order.

    Raises:
        MeterUnavailable: as `session`.
    """
    return tuple(gpu for gpu in find_gpus() if gpu.fault is None)


def find_gpus() -> tuple[Gpu, ...]:
    """Return every NVIDIA GPU of the machine, in NVML's order, those too that do not answer (with their `fault`).

    Raises:
        MeterUnavailable: as `session`.
    """
    with session() as pynvml:
        try:
            count = int(pynvml.nvmlDeviceGetCount())
        except NVMLError as error:
            raise _unavailable(error) from None
        except FOREIGN as error:
            reason = f"the Python binding of NVML does not count GPUs: {error}"
            raise MeterUnavailable(reason, reinstall_command()) from None
        return tuple(_read_gpu(pynvml, index) for index in range(count))


def visible_gpus(environ: Mapping[str, str] | None = None) -> tuple[Gpu, ...]:
    """Return the cards that CUDA lets this process use, in CUDA_VISIBLE_DEVICES' order; `os.environ` by default.

    Raises:
        MeterUnavailable: as `session`.
    """
    chosen = select_visible(find_gpus(), os.environ if environ is None else environ)
    return tuple(gpu for gpu in chosen if gpu.fault is None)


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


def _initialise() -> Binding:
    binding = load_binding()
    try:
        binding.nvmlInit()
    except NVMLError as error:
        raise _unavailable(error) from None
    return binding


FAULTS = {
    12: (
        "the NVIDIA driver's library libnvidia-ml.so.1 was not found",
        "install the NVIDIA driver, or start the container with --gpus all",
    ),
    9: ("the NVIDIA driver is not loaded", "sudo modprobe nvidia"),
    4: (
        "no permission to talk to the NVIDIA driver",
        "ls -l /dev/nvidia*  # the user needs read and write access to these",
    ),
    18: (
        "the NVIDIA driver and its library are of different versions",
        "sudo reboot  # loads the kernel module of the version that was installed last",
    ),
    15: ("a GPU has fallen off the bus", "sudo dmesg | grep -i xid  # what happened; then sudo reboot"),
    999: (
        "NVML says 'Unknown Error': a container may have lost its devices (systemctl daemon-reload does that)",
        "nvidia-smi  # where it fails too, restart the container; `docker run --device /dev/nvidiactl --device "
        "/dev/nvidia0 ...` keeps its devices",
    ),
}
"""Reason and remedy by the codes of nvml.h: LIBRARY_NOT_FOUND, DRIVER_NOT_LOADED, NO_PERMISSION,
LIB_RM_VERSION_MISMATCH, GPU_IS_LOST, UNKNOWN (NVIDIA container toolkit, "Troubleshooting")."""


def _unavailable(error: NVMLError) -> MeterUnavailable:
    reason, remedy = FAULTS.get(
        error.value, (f"NVML did not start: {error}", "nvidia-smi  # what the driver says")
    )
    if error.value == UNKNOWN and "Unknown Error" not in str(error):  # the binding's own fault
        return MeterUnavailable(f"the Python binding of NVML failed: {error}", reinstall_command())
    return MeterUnavailable(reason, remedy)


def _read_gpu(pynvml: Any, index: int) -> Gpu:
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
    except (NVMLError, *FOREIGN) as error:
        logger.warning("GPU %d does not answer and is left out: %s", index, error)
        return Gpu(
            index=index,
            uuid=f"nvidia-{index}",
            name="does not answer",
            pci_bus_id="",
            fault=f"the card does not answer: {error}",
        )


def _mig_enabled(pynvml: Any, handle: Any) -> bool:
    try:
        return bool(pynvml.nvmlDeviceGetMigMode(handle)[0])
    except (NVMLError, *FOREIGN):
        return False  # cards before Ampere have no such mode


def _mig_uuids(pynvml: Any, handle: Any) -> tuple[str, ...]:
    try:
        slots = range(int(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)))
    except (NVMLError, *FOREIGN):
        return ()  # a binding from before there were instances
    return tuple(uuid for slot in slots if (uuid := _mig_uuid(pynvml, handle, slot)) is not None)


def _mig_uuid(pynvml: Any, handle: Any, slot: int) -> str | None:
    try:
        return _text(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)))
    except NVMLError:
        return None  # most slots are empty


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
