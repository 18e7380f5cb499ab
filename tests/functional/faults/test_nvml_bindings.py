"""Whatever package bears the name `pynvml`: a run and `llem doctor` go on without it, and say how to put it right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.nvml.machine import UNKNOWN, NvmlMachine, SimulatedGpu
from tests.support.simulator_fixtures import NvmlSimulator
from tests.support.standin_runs import bundles_in
from tests.support.typed import quick_run

REAL = f"exec(open({__import__('pynvml').__file__!r}).read())\n"
REINSTALL = "pip uninstall --yes pynvml; pip install --force-reinstall nvidia-ml-py"
USELESS = {
    "another package": "def nearest_vowel_mark(x): return x\n",
    "one for Python 2": "print 'NVML'\n",
    "one whose library is broken": "raise OSError('libnvidia-ml.so.1: wrong ELF class')\n",
    "one that needs what is not there": "import nvml_of_old\n",
    "one that checks the driver when it is imported": "raise RuntimeError('no driver')\n",
    "one that takes arguments to start": REAL + "def nvmlInit(flags): pass\n",
    "one that ends the process": "import sys; sys.exit(3)\n",
    "one that counts in words": REAL
    + "def nvmlInit(): pass\ndef nvmlShutdown(): pass\ndef nvmlDeviceGetCount(): return 'three'\n",
    "one that fails in words of its own": REAL + "def nvmlInit(): raise KeyError('driver')\n",
}
ODD = {
    "texts as bytes": """
_uuid, _name = nvmlDeviceGetUUID, nvmlDeviceGetName
def nvmlDeviceGetUUID(h): return _uuid(h).encode()
def nvmlDeviceGetName(h): return _name(h).encode()
""",
    "no counter, no fields, no modes": """
del nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetFieldValues, nvmlDeviceGetMigMode
del nvmlDeviceGetCudaComputeCapability, nvmlDeviceGetVirtualizationMode, nvmlDeviceGetComputeRunningProcesses
""",
    "no constants": "del NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN\n",
    "structures as tuples": """
def nvmlDeviceGetMemoryInfo(h): return (1, 2, 3)
def nvmlDeviceGetUtilizationRates(h): return (1, 2)
def nvmlDeviceGetCudaComputeCapability(h): return "9.0"
def nvmlDeviceGetComputeRunningProcesses(h): return [4711]
""",
    "functions that take other arguments": """
def nvmlDeviceGetTemperature(h): return 50
def nvmlDeviceGetMigMode(h, current): return 0
def nvmlSystemGetDriverVersion(x): return "1"
""",
}


def _shadowed(tmp_path: Path, text: str, environ: dict[str, str]) -> dict[str, str]:
    (tmp_path / "binding").mkdir(exist_ok=True)
    (tmp_path / "binding" / "pynvml.py").write_text(text)
    paths = [str(tmp_path / "binding"), *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(paths)}


def _llem(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def _nvml(environ: dict[str, str]) -> dict:
    done = _llem("doctor", "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (finding,) = [each for each in json.loads(done.stdout)["meters"] if each["name"] == "nvml"]
    return finding


@pytest.mark.parametrize("binding", USELESS)
def test_a_useless_binding_is_named_with_the_lines_that_put_it_right(tmp_path, binding):
    finding = _nvml(_shadowed(tmp_path, USELESS[binding], dict(os.environ)))
    assert not finding["available"]
    assert "pynvml" in finding["reason"] or "binding" in finding["reason"]
    assert finding["remedy"] == REINSTALL


def test_a_run_goes_on_without_a_useless_binding(tmp_path: Path, standin_env: dict[str, str]):
    (tmp_path / "site" / "pynvml.py").write_text(USELESS["one that takes arguments to start"])
    done = _llem(*quick_run(tmp_path / "out"), "--set=energy.meters=auto", environ=standin_env)
    assert done.returncode == 0, done.stderr
    assert "internal error" not in done.stderr
    (bundle,) = bundles_in(tmp_path)
    assert (bundle / "result.json").exists()


@pytest.mark.simulator
@pytest.mark.parametrize("binding", ODD)
def test_an_old_or_foreign_binding_is_read_as_far_as_it_goes(
    tmp_path, nvml_simulator: NvmlSimulator, binding
):
    environ = nvml_simulator(NvmlMachine(gpus=(SimulatedGpu(),)))
    finding = _nvml(_shadowed(tmp_path, REAL + ODD[binding], environ))
    assert finding["available"], finding["reason"]
    assert finding["channels"][0]["device"] == SimulatedGpu().uuid
    assert finding["readings"][0].endswith(("W", "J", "s"))


@pytest.mark.simulator
def test_an_unknown_error_in_a_container_has_a_remedy(nvml_simulator: NvmlSimulator):
    finding = _nvml(nvml_simulator(NvmlMachine(gpus=(SimulatedGpu(),), init_error=UNKNOWN)))
    assert "container may have lost its devices" in finding["reason"]
    assert "restart the container" in finding["remedy"]
