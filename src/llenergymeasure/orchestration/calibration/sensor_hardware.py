"""The card or the processor that a calibrated sensor is part of."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llenergymeasure.core.cpu import read_cpu
from llenergymeasure.core.nvidia import gpu
from llenergymeasure.domain.calibration import SensorHardware, SensorProfile
from llenergymeasure.exceptions import MeterUnavailable

logger = logging.getLogger(__name__)


def with_hardware(profiles: Sequence[SensorProfile]) -> tuple[SensorProfile, ...]:
    """Return the profiles with the product, driver and compute capability of each, as far as they are known."""
    cards = _cards() if any(profile.domain == "gpu" for profile in profiles) else {}
    cpu = read_cpu().model
    processor = SensorHardware(product=cpu) if cpu else None
    return tuple(
        profile.model_copy(
            update={"hardware": processor if profile.domain in ("cpu", "dram") else cards.get(profile.device)}
        )
        for profile in profiles
    )


def _cards() -> dict[str, SensorHardware]:
    """Return the NVIDIA cards of this machine by their UUIDs."""
    try:
        cards, cuda = gpu.read_machine()
    except MeterUnavailable as error:
        logger.debug("no products of cards: %s", error)
        return {}
    return {
        card.uuid: SensorHardware(
            product=card.name, driver_version=cuda.driver_version, compute_capability=card.compute_capability
        )
        for card in cards
        if card.uuid is not None
    }
