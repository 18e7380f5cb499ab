"""The table of GPU peaks: dense rates, one row a card, a source on each."""

from __future__ import annotations

from collections import Counter

import pytest

from llenergymeasure.core.nvidia.peaks import GpuPeaks, all_peaks, find_peaks

SHEETS_LIE_AT = (
    "https://www.nvidia.com/",
    "https://images.nvidia.com/",
    "https://resources.nvidia.com/",
    "https://d1.awsstatic.com/",  # of the card that NVIDIA makes for AWS alone
)


def peaks(name: str) -> GpuPeaks:
    found = find_peaks(name)
    assert found is not None, name
    return found


def test_the_table_has_at_least_25_cards_each_with_a_sheet_and_its_url() -> None:
    assert len(all_peaks()) >= 25
    for row in all_peaks():
        assert row.sheet
        assert row.url.startswith(SHEETS_LIE_AT)
        assert row.memory_bandwidth_gb_s > 0
        assert row.fp32_tflops is not None


def test_no_name_belongs_to_two_rows() -> None:
    names = Counter(name.lower() for row in all_peaks() for name in row.names)
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(
    ("name", "bf16_tflops", "gb_s"),
    [
        ("NVIDIA A100-SXM4-80GB", 312, 2039),
        ("NVIDIA A100-SXM4-40GB", 312, 1555),
        ("A100-PCIE-40GB", 312, 1555),
        ("NVIDIA A100 80GB PCIe", 312, 1935),
        ("NVIDIA H100 80GB HBM3", 989.5, 3350),
        ("NVIDIA H100 PCIe", 756, 2000),
        ("NVIDIA H100 NVL", 835.5, 3900),
        ("NVIDIA H200", 989.5, 4800),
        ("NVIDIA GH200 480GB", 989.5, 4000),
        ("NVIDIA B200", 2250, 8000),
        ("NVIDIA L4", 121, 300),
        ("NVIDIA L40S", 362.05, 864),
        ("NVIDIA GeForce RTX 4090", 165.2, 1008),
        ("NVIDIA GeForce RTX 3090", 71, 936),
        ("Tesla V100-SXM2-32GB", None, 900),
        ("NVIDIA T4", None, 320),
        ("Tesla T4", None, 320),
    ],
)
def test_rates_are_the_dense_ones_of_the_sheet(name: str, bf16_tflops: float | None, gb_s: float) -> None:
    row = peaks(name)
    assert (row.bf16_tflops, row.memory_bandwidth_gb_s) == (bf16_tflops, gb_s)
    assert row.flops_per_s("bf16") == (None if bf16_tflops is None else bf16_tflops * 1e12)


@pytest.mark.parametrize("row", all_peaks(), ids=lambda row: row.names[0])
def test_a_narrower_precision_is_twice_as_fast_and_never_four_times(row: GpuPeaks) -> None:
    """Twice is what halving the width gives; four times would be a rate with sparsity beside one without."""
    for wide, narrow in (("tf32", "bf16"), ("bf16", "fp8"), ("bf16", "int8"), ("fp16", "int8")):
        slower, faster = row.flops_per_s(wide), row.flops_per_s(narrow)  # type: ignore[arg-type]
        if slower is not None and faster is not None:
            most = 4.1 if narrow == "int8" and "GeForce" in row.names[0] else 2.1
            assert 1.9 <= faster / slower <= most
    if row.bf16_tflops is not None:
        assert row.bf16_tflops == row.fp16_tflops
    assert row.accumulate == (None if row.names[0].startswith("P100") else "fp32")


def test_a_geforce_card_has_the_rate_of_products_that_accumulate_in_fp32() -> None:
    """Its sheet prints 330 TFLOP/s with fp16 accumulation and 661 with sparsity; torch gets half of the first."""
    assert peaks("NVIDIA GeForce RTX 4090").fp16_tflops == 165.2


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 5090 D",
        "NVIDIA A10-12Q",
        "NVIDIA A10M",
        "NVIDIA A100-SXM-64GB",
        "NVIDIA H20",
        "NVIDIA H100",
        "none",
    ],
)
def test_a_name_that_only_begins_like_a_known_one_is_unknown(name: str) -> None:
    assert find_peaks(name) is None
