"""What two meters read of one device is recorded twice and counted once."""

from __future__ import annotations

from typing import Any

from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.meters.sampling.overlap import count_once, missed

CARD, OTHER_CARD = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650", "GPU-0b9d4c31-77aa-4f52-9e1b-c4d85a7f1e02"


def channel(meter: str, domain: Any, device: str, method: Any = "counter", **fields: Any) -> Channel:
    return Channel(meter=meter, domain=domain, device=device, label=device, method=method, **fields)


def counted(*channels: Channel) -> list[bool]:
    return [each.included_in_total for each in count_once(channels)]


def test_a_card_that_two_meters_read_counts_for_the_one_named_first() -> None:
    nvml, zeus = channel("nvml", "gpu", CARD), channel("zeus", "gpu", CARD, note="sampled too")
    first, second = count_once([nvml, zeus])
    assert first == nvml
    assert not second.included_in_total
    assert second.note == f"counted as {CARD} of meter 'nvml'; sampled too"
    assert counted(zeus, nvml) == [True, False]


def test_different_cards_of_two_meters_both_count() -> None:
    assert counted(channel("nvml", "gpu", CARD), channel("amd", "gpu", OTHER_CARD)) == [True, True]


def test_different_domains_both_count() -> None:
    assert counted(channel("nvml", "gpu", CARD), channel("rapl", "cpu", "package-0")) == [True, True]


def test_the_whole_of_a_domain_overlaps_each_part_of_it() -> None:
    packages = [channel("rapl", "cpu", "package-0"), channel("rapl", "cpu", "package-1")]
    assert counted(*packages, channel("codecarbon", "cpu", "host")) == [True, True, False]
    assert counted(channel("codecarbon", "cpu", "host"), *packages) == [True, False, False]


def test_a_measurement_goes_before_an_estimate_in_whatever_order_they_are_named() -> None:
    estimate, package = channel("estimate", "cpu", "host", "estimated"), channel("rapl", "cpu", "package-0")
    assert counted(estimate, package) == [False, True]
    assert counted(package, estimate) == [True, False]


def test_the_whole_system_overlaps_everything() -> None:
    wall, card = channel("wallplug", "system", "host"), channel("nvml", "gpu", CARD)
    assert counted(wall, card) == [True, False]
    assert counted(card, wall) == [True, False]


def test_two_supplies_of_one_system_both_count() -> None:
    assert counted(channel("left", "system", "plug-1"), channel("right", "system", "plug-2")) == [True, True]


def test_channels_of_one_meter_are_left_as_they_are() -> None:
    own = [channel("zeus", "system", "soc"), channel("zeus", "gpu", "soc/gpu", included_in_total=False)]
    assert count_once(own) == own


def test_what_is_not_counted_covers_nothing() -> None:
    psys, package = (
        channel("rapl", "system", "psys", included_in_total=False),
        channel("zeus", "cpu", "package-0"),
    )
    assert counted(psys, package) == [False, True]


def test_what_another_meter_reads_is_not_missed() -> None:
    lost = LeftOut(meter="zeus", domain="gpu", device="GPU-1", label="GPU 0", reason="excluded")
    (covered,) = missed([lost], [channel("nvml", "gpu", "GPU-1")])
    (lacking,) = missed([lost], [channel("nvml", "gpu", "GPU-2")])
    assert (covered.included_in_total, lacking.included_in_total) == (False, True)
