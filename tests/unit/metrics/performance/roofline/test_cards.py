"""The cards of a model, their peaks in its precision, and why there are none to compare with."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from llenergymeasure.core.hardware import (
    CPUEnvironment,
    CUDAEnvironment,
    EnvironmentMetadata,
    GPUEnvironment,
)
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.metrics.performance.roofline.cards import Cards, cards_of

H100, A100 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB"


def model(*devices: str, uuids: bool = True, **fields: Any) -> ModelInfo:
    known = {name: f"GPU-{name[5:]}" for name in devices if name.startswith("cuda:")}
    usual = {
        "name": "any",
        "architecture": "Any",
        "n_parameters": None,
        "n_matmul_parameters": None,
        "dtype": "bfloat16",
    }
    return ModelInfo(**{**usual, "devices": devices, "gpu_uuids": known if uuids else {}, **fields})


def machine(*names: str, **fields: Any) -> EnvironmentMetadata:
    gpus = tuple(
        GPUEnvironment(name=name, vram_total_mb=None, index=number, uuid=f"GPU-{number}", **fields)
        for number, name in enumerate(names)
    )
    return EnvironmentMetadata(
        gpu=gpus[0],
        cuda=CUDAEnvironment(version="12.8", driver_version="570"),
        cpu=CPUEnvironment(platform="Linux"),
        collected_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        gpus=gpus,
    )


def cards(*arguments: Any) -> Cards:
    found = cards_of(*arguments)
    assert isinstance(found, Cards), found
    return found


def test_peaks_of_all_cards_of_the_model_add_up_and_the_ridge_is_that_of_one() -> None:
    both = cards(model("cuda:0", "cuda:1"), machine(H100, H100, A100))
    assert (both.count, both.precision, both.uuids) == (2, "bf16", ("GPU-0", "GPU-1"))
    assert (both.flops_per_s, both.bytes_per_s) == (2 * 989.5e12, 2 * 3.35e12)
    assert both.ridge_flop_per_byte == pytest.approx(295.4, abs=0.1)


@pytest.mark.parametrize(
    ("dtype", "quantisation", "precision", "tflops"),
    [
        ("bfloat16", None, "bf16", 989.5),
        ("float16", "gptq", "fp16", 989.5),
        ("bfloat16", "bitsandbytes:nf4", "bf16", 989.5),
        ("bfloat16", "gguf:Q4_K_M dequantised", "bf16", 989.5),
        ("float32", None, "fp32", 67),
        ("bfloat16", "fp8", "fp8", 1979),
    ],
)
def test_the_peak_is_that_of_the_precision_that_multiplies(
    dtype: str, quantisation: str | None, precision: str, tflops: float
) -> None:
    found = cards(model("cuda:0", dtype=dtype, quantisation=quantisation), machine(H100))
    assert (found.precision, found.peak_flops_per_s) == (precision, tflops * 1e12)


def test_a_power_limit_below_the_default_is_told_and_the_peak_stays_that_of_the_sheet() -> None:
    limited = cards(model("cuda:0"), machine(H100, power_limit_w=500.0, power_limit_default_w=700.0))
    assert limited.limits == ("GPU 0: power limit 500 W, its default is 700 W",)
    assert limited.peak_flops_per_s == 989.5e12


def test_without_uuids_like_cards_are_known_and_unlike_ones_are_not() -> None:
    assert cards(model("cuda:1", uuids=False), machine(H100, H100)).count == 1
    assert cards_of(model("cuda:0", uuids=False), machine(H100, A100)) == (
        "which of the machine's GPUs cuda:0 are is not known"
    )


@pytest.mark.parametrize(
    ("info", "hardware", "reason"),
    [
        (None, machine(H100), "the backend does not state on which devices the model lies"),
        (model(), machine(H100), "the backend does not state on which devices the model lies"),
        (model("cpu"), machine(H100), "the model ran on cpu, and the table of peaks is of GPUs"),
        (model("cuda:0", "cpu"), machine(H100), "a part of the model lies on cpu"),
        (model("cuda:0"), None, "there is no snapshot of the hardware"),
        (
            model("cuda:0"),
            machine("NVIDIA GeForce GT 710"),
            "the table of GPU peaks has no card 'NVIDIA GeForce GT 710'",
        ),
        (
            model("cuda:0"),
            machine(H100, mig_enabled=True),
            f"{H100} is cut into MIG instances, and its sheet states the rates of the whole card",
        ),
        (
            model("cuda:0", "cuda:1"),
            machine(H100, A100),
            f"the model lies on unlike cards ({A100}, {H100})",
        ),
        (model("cuda:0"), machine("Tesla T4"), "the table of GPU peaks has no dense bf16 rate of Tesla T4"),
        (
            model("cuda:0", quantisation="bitsandbytes:int8"),
            machine(H100),
            "in which precision weights quantised by bitsandbytes:int8 are multiplied is not known",
        ),
        (model("cuda:0", dtype="float64"), machine(H100), "there is no peak for products of float64"),
    ],
)
def test_where_there_is_no_peak_the_reason_is_told(
    info: ModelInfo | None, hardware: EnvironmentMetadata | None, reason: str
) -> None:
    assert cards_of(info, hardware) == reason
