"""The hottest device counts, and a GPU that does not say leaves it unknown."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.trace import Channel, Domain, hottest_c


def _channel(domain: Domain, device: str, meter: str = "nvml") -> Channel:
    return Channel(meter=meter, domain=domain, device=device, label=device, method="counter")


FIRST, SECOND = _channel("gpu", "GPU-1"), _channel("gpu", "GPU-2")
AGAIN, PACKAGE = _channel("gpu", "GPU-1", "zeus"), _channel("cpu", "package-0", "rapl")


@pytest.mark.parametrize(
    ("channels", "latest_c", "expected"),
    [
        ((FIRST, SECOND), {0: 40.0, 1: 60.0}, 60.0),
        ((FIRST, SECOND), {0: 40.0}, None),
        ((FIRST, AGAIN), {0: 40.0}, 40.0),
        ((FIRST, PACKAGE), {0: 40.0}, 40.0),
        ((FIRST, PACKAGE), {0: 40.0, 1: 80.0}, 40.0),
        ((FIRST, PACKAGE), {1: 80.0}, None),
        ((PACKAGE,), {0: 80.0}, 80.0),
        ((PACKAGE,), {}, None),
        ((), {}, None),
        ((FIRST,), {0: 0.0}, 0.0),
    ],
    ids=[
        "the hottest of two",
        "one of two is silent",
        "another meter of the same card is silent",
        "the processor is silent",
        "GPUs go before the processor",
        "the GPU is silent",
        "a processor alone",
        "a silent processor",
        "no channels",
        "freezing",
    ],
)
def test_hottest(channels: tuple[Channel, ...], latest_c: dict[int, float], expected: float | None) -> None:
    assert hottest_c(channels, latest_c) == expected
