"""Peak rates of NVIDIA GPUs from their makers' sheets: memory bandwidth, and arithmetic by precision."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Literal

from llenergymeasure.core.record import Record

Precision = Literal["fp32", "tf32", "fp16", "bf16", "fp8", "int8"]
TABLE = "gpu_peaks.csv"
MAKER = "nvidia "
OLD_BRAND = "tesla "
"""Names of data centre cards began with it until Turing, and drivers of different age keep or drop both words."""


class GpuPeaks(Record):
    """One row of the table: what one card could do at most, by its maker's sheet.

    Matrix products are dense: where a sheet prints the rate with 2:4 sparsity alone, the row has half of it. They are
    those that accumulate in fp32, as torch asks of cuBLAS; GeForce cards of Ampere and later accumulate in fp16 twice
    as fast. None where the card has no such arithmetic, or the sheet does not state it.
    """

    names: tuple[str, ...]
    """As NVML reports them, without the maker's name; a variant (SXM, PCIe, NVL) never stands for another."""
    memory_bandwidth_gb_s: float
    """In units of 10^9 bytes per second."""
    fp32_tflops: float | None
    """Without tensor cores: what torch gives where TF32 is not allowed (its default)."""
    tf32_tflops: float | None
    fp16_tflops: float | None
    bf16_tflops: float | None
    fp8_tflops: float | None
    int8_tops: float | None
    accumulate: str | None
    """What tensor cores add up in; None where the card has none."""
    sheet_prints: Literal["dense", "sparse", "both"]
    """Which rates the sheet states."""
    sheet: str
    url: str

    @property
    def memory_bandwidth_bytes_per_s(self) -> float:
        return self.memory_bandwidth_gb_s * 1e9

    def flops_per_s(self, precision: Precision) -> float | None:
        """Return the peak of matrix products in a precision, operations per second; None where there is none."""
        tera = self.int8_tops if precision == "int8" else getattr(self, f"{precision}_tflops")
        return None if tera is None else tera * 1e12


def find_peaks(name: str) -> GpuPeaks | None:
    """Return the row of a card by its name in NVML; None where the table has none.

    The whole name has to agree: a laptop's GPU, a vGPU or a variant for one country has other rates than the card whose
    name its own begins with.
    """
    return _by_name().get(_plain(name))


@cache
def all_peaks() -> tuple[GpuPeaks, ...]:
    """Return all rows of the table."""
    text = (files("llenergymeasure.core.nvidia") / TABLE).read_text(encoding="utf-8")
    return tuple(_row(cells) for cells in csv.DictReader(text.splitlines()))


@cache
def _by_name() -> dict[str, GpuPeaks]:
    return {_plain(name): row for row in all_peaks() for name in row.names}


def _row(cells: dict[str, str]) -> GpuPeaks:
    known = {name: cell or None for name, cell in cells.items()}
    return GpuPeaks.model_validate({**known, "names": tuple(cells["names"].split("|"))})


def _plain(name: str) -> str:
    return " ".join(name.lower().split()).removeprefix(MAKER).removeprefix(OLD_BRAND)
