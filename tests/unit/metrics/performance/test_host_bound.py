"""The host-bound rule finds the published anomalies, and nothing where a device simply works harder."""

from __future__ import annotations

import pytest

from llenergymeasure.metrics.performance.host_bound import OperatingPoint, is_host_bound


def _point(itl_ms: float, power_w: float) -> OperatingPoint:
    return OperatingPoint(itl_s=itl_ms / 1e3, power_w=power_w)


def test_published_anomaly_is_found() -> None:
    assert is_host_bound(_point(5.0, 646.0), _point(32.5, 294.0))


@pytest.mark.parametrize(
    ("itl_ms", "power_w"),
    [(8.0, 688.0), (32.5, 640.0), (6.0, 294.0)],
    ids=["slower-at-more-power", "slower-at-the-same-power", "less-power-at-the-same-speed"],
)
def test_ordinary_slowing_is_not_host_bound(itl_ms: float, power_w: float) -> None:
    assert not is_host_bound(_point(5.0, 646.0), _point(itl_ms, power_w))


def test_the_rule_holds_from_its_very_edges() -> None:
    assert is_host_bound(_point(10.0, 100.0), _point(15.0, 90.0))
    assert not is_host_bound(_point(10.0, 100.0), _point(14.9, 90.0))
    assert not is_host_bound(_point(10.0, 100.0), _point(15.0, 90.1))
