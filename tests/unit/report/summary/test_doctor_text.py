"""Claims about what `llem doctor` prints."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from llenergymeasure.core.hardware import (
    CPUEnvironment,
    CUDAEnvironment,
    EnvironmentMetadata,
    GPUEnvironment,
)
from llenergymeasure.domain.reports.diagnosis import BackendFinding, Diagnosis, MeterFinding, StorageFinding
from llenergymeasure.domain.trace import Channel
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.doctor import diagnosis_document, findings

GPU = GPUEnvironment(
    name="NVIDIA H100",
    vram_total_mb=81559,
    index=0,
    uuid="GPU-1",
    persistence_mode=False,
    power_limit_w=700.0,
)
NO_GPU = GPUEnvironment(name="none", vram_total_mb=0, visible=False)
NVML = Channel(meter="nvml", domain="gpu", device="GPU-1", label="GPU 0 NVIDIA H100", method="counter")
GUESS = Channel(meter="estimate", domain="cpu", device="host", label="CPU (estimate)", method="estimated")


def machine(**changes: Any) -> EnvironmentMetadata:
    known: dict[str, Any] = {
        "gpu": GPU,
        "gpus": (GPU,),
        "cuda": CUDAEnvironment(version="12.4", driver_version="550.54"),
        "cpu": CPUEnvironment(platform="Linux", model="EPYC", physical_cores=8, usable_cores=16),
        "collected_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
    }
    return EnvironmentMetadata(**{**known, **changes})


def diagnosis(**changes: Any) -> Diagnosis:
    known: dict[str, Any] = {
        "version": "2.0.0",
        "python": "3.11.7",
        "machine": machine(),
        "meters": (
            MeterFinding(name="nvml", available=True, channels=(NVML,), readings=("61.3 W",)),
            MeterFinding(
                name="rapl", available=False, reason="only root may read it", remedy="sudo chmod a+r FILE"
            ),
            MeterFinding(name="estimate", available=True, channels=(GUESS,), readings=("model: 1-9 W",)),
        ),
        "auto_meters": ("nvml",),
        "backends": (
            BackendFinding(name="pytorch", installed=True, versions={"torch": "2.13.0"}),
            BackendFinding(
                name="other", installed=False, missing=("other_lib",), install="pip install other-lib"
            ),
        ),
        "storage": StorageFinding(folder="/tmp/results", writable=True, free_bytes=2**40),
        "packages": {"torch": "2.13.0", "peft": None},
    }
    return Diagnosis(**{**known, **changes})


def printed(**changes: Any) -> str:
    return plain_text(diagnosis_document(diagnosis(**changes)))


def test_a_meter_shows_its_live_reading_or_its_reason_and_the_command_that_fixes_it() -> None:
    text = printed()
    assert "✓ nvml: GPU 0 NVIDIA H100: 61.3 W (counter)" in text
    assert "✗ rapl: only root may read it\n    → sudo chmod a+r FILE" in text
    assert "energy.meters: auto reads nvml here" in text


def test_an_estimate_is_no_success() -> None:
    assert "· estimate: CPU (estimate): model: 1-9 W (estimated)" in printed()


def test_a_missing_backend_comes_with_its_pip_command() -> None:
    assert "✗ other: missing other_lib\n    → pip install other-lib" in printed()


def test_gpus_are_listed_with_what_would_disturb_a_measurement() -> None:
    text = printed()
    assert "✓ 0: NVIDIA H100, GPU-1, 79.6 GiB, limit 700 W, persistence mode off" in text
    assert "→ sudo nvidia-smi -pm 1" in text
    hidden = GPU.model_copy(update={"visible": False})
    text = printed(machine=machine(gpu=NO_GPU, gpus=(hidden,), gpu_missing_because="all are hidden"))
    assert "· 0: NVIDIA H100, GPU-1, 79.6 GiB, limit 700 W, hidden by CUDA_VISIBLE_DEVICES" in text
    assert "✗ no GPU to use: all are hidden" in text


def test_a_folder_that_cannot_be_written_says_why() -> None:
    storage = StorageFinding(folder="/mnt/x", writable=False, reason="/mnt cannot be written to")
    assert "✗ /mnt/x: /mnt cannot be written to" in printed(storage=storage)


def test_nothing_to_read_is_said() -> None:
    assert "✗ energy.meters: auto finds nothing to read here" in printed(auto_meters=())


def test_every_group_has_something_to_say() -> None:
    assert all(findings(diagnosis()).values())


def test_a_calibrated_sensor_says_since_when() -> None:
    made = datetime(2026, 1, 31, tzinfo=timezone.utc)
    meter = MeterFinding(
        name="nvml", available=True, channels=(NVML,), readings=("61.3 W",), calibrated=(made,)
    )
    (line, _) = findings(diagnosis(meters=(meter,)))["Meters"]
    assert line.text == "nvml: GPU 0 NVIDIA H100: 61.3 W (counter, calibrated 2026-01-31)"
