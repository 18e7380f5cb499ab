"""The Python binding of NVML behind one kind of error, whichever package brings the module `pynvml`."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from typing import Any

from llenergymeasure.core.whose_error import is_the_programs
from llenergymeasure.exceptions import MeterUnavailable

REINSTALL = "pip uninstall --yes {others}; pip install --force-reinstall nvidia-ml-py"
"""NVIDIA's own binding is nvidia-ml-py; the packages that also bring a module `pynvml` overwrite its file."""
NEEDED = ("nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "NVMLError")
FUNCTION_NOT_FOUND, UNKNOWN = 13, 999
"""nvml.h: NVML_ERROR_FUNCTION_NOT_FOUND, NVML_ERROR_UNKNOWN."""
CONSTANTS = {
    "NVML_CLOCK_SM": 1,
    "NVML_CLOCK_MEM": 2,
    "NVML_TEMPERATURE_GPU": 0,
    "NVML_TEMPERATURE_THRESHOLD_SHUTDOWN": 0,
    "NVML_TEMPERATURE_THRESHOLD_SLOWDOWN": 1,
}
"""Of nvml.h, which old bindings may lack."""

FOREIGN = (AttributeError, TypeError, ValueError, LookupError)
"""What a value of another kind than NVIDIA's binding returns raises where it is used."""


class NVMLError(Exception):
    """A call that failed; `value` is the code of nvml.h, `UNKNOWN` where the binding itself failed."""

    def __init__(self, value: int, text: str | None = None) -> None:
        super().__init__(text or f"NVML error {value}")
        self.value = value


class Binding:
    """The functions and constants of a `pynvml` module; each function raises `NVMLError` and nothing else.

    Bindings differ: a function may be missing, refuse an argument that others take, or hand out what cannot be decoded.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self.NVMLError = NVMLError

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name, None)
        if not name.startswith("nvml"):
            return CONSTANTS[name] if value is None else value

        def call(*arguments: Any) -> Any:
            if value is None:
                raise NVMLError(FUNCTION_NOT_FOUND, f"this pynvml has no {name}")
            try:
                return value(*arguments)
            except Exception as error:  # noqa: BLE001 - of whatever class: that is what this is for
                raise NVMLError(_code(error), _text(error)) from None

        setattr(self, name, call)
        return call


def load_binding() -> Binding:
    """Return the binding that is installed.

    Raises:
        MeterUnavailable: there is none, or what is called `pynvml` is something else; with the lines that put it right.
    """
    try:
        with warnings.catch_warnings():  # the retired package warns when it is imported
            warnings.simplefilter("ignore")
            module = importlib.import_module("pynvml")
    except ModuleNotFoundError as error:
        if error.name == "pynvml":
            raise MeterUnavailable(
                "the Python binding of NVML is not installed", "pip install nvidia-ml-py"
            ) from None
        raise MeterUnavailable(
            f"the module pynvml cannot be imported: {error}", reinstall_command()
        ) from None
    except BaseException as error:  # any package may bear that name, and end the process
        if is_the_programs(error):
            raise
        reason = f"the module pynvml cannot be imported: {_text(error)}"
        raise MeterUnavailable(reason, reinstall_command()) from None
    missing = [name for name in NEEDED if not hasattr(module, name)]
    if missing:
        where = getattr(module, "__file__", None) or "of an unknown place"
        reason = f"the module pynvml ({where}) is not NVIDIA's binding of NVML: it has no {missing[0]}"
        raise MeterUnavailable(reason, reinstall_command())
    return Binding(module)


def reinstall_command() -> str:
    """Return the lines that leave NVIDIA's binding as the only package with that module."""
    others: list[str] = []
    with contextlib.suppress(Exception):  # one package with broken metadata must not hide the advice
        from importlib.metadata import packages_distributions

        others = sorted(set(packages_distributions().get("pynvml", ())) - {"nvidia-ml-py"})
    return REINSTALL.format(others=" ".join(others) or "pynvml")


def _code(error: Exception) -> int:
    value = getattr(error, "value", None)
    return value if isinstance(value, int) else UNKNOWN


def _text(error: BaseException) -> str:
    """Return what an error of the binding says; one whose code it does not know cannot even be printed."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - as above
        text = ""
    return text if hasattr(error, "value") and text else f"{type(error).__name__}: {text}".rstrip(": ")
