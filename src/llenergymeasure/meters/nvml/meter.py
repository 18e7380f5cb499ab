"""The meter of NVIDIA GPUs: every card the run may use, by UUID."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from llenergymeasure.core.nvidia import nvml
from llenergymeasure.core.nvidia.nvml import Gpu
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, LeftOut
from llenergymeasure.exceptions import MeterUnavailable
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.gpu_choice import choose_gpus, left_out_gpu
from llenergymeasure.meters.nvml.activity import ActivityReader
from llenergymeasure.meters.nvml.card import Card
from llenergymeasure.meters.nvml.options import NvmlOptions

FAST_S = 0.01
"""P100 has no counter, and publishes its power every 20 ms: read only as often, a third of that would be missed."""


class NvmlMeter:
    """Energy counter and power of each visible card, or of `MeterOptions.gpu_uuids`.

    A card with a working energy counter is a `counter` channel, one without is `sampled`; power is recorded for both.
    """

    name: ClassVar[str] = "nvml"
    period_s: float = 0.02

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._cards: tuple[Card, ...] = ()
        self.left_out: tuple[LeftOut, ...] = ()

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        with ExitStack() as stack:
            pynvml = stack.enter_context(nvml.session())
            self._cards, self.left_out = _open_cards(pynvml, options)
            reader = ActivityReader([card.activity for card in self._cards if card.activity])
            stack.callback(reader.close)
            reader.start()
            self._stack = stack.pop_all()
        if any(card.publishes_fast for card in self._cards):
            self.period_s = FAST_S
        for number, card in enumerate(self._cards):
            card.period_s = self.period_s
            card.turn = number
        return [card.channel for card in self._cards]

    def read(self, offset_ns: int) -> list[Sample]:
        return [card.sample(index, offset_ns) for index, card in enumerate(self._cards)]

    def parts(self) -> Sequence[Card]:
        """Return the cards, which may be read at the same time: calls of the driver can take milliseconds each."""
        return self._cards

    def close(self) -> None:
        self._cards = ()
        self._stack.close()


def _open_cards(pynvml: Any, options: MeterOptions) -> tuple[tuple[Card, ...], tuple[LeftOut, ...]]:
    """Return the cards that can be read, and those that cannot.

    Raises:
        MeterUnavailable: none can, or one that was asked for by its UUID.
    """
    chosen = choose_gpus(options, NvmlMeter.name)
    with_activity = options.energy.options_of(NvmlMeter.name, NvmlOptions).activity
    opened = [_open_card(pynvml, gpu, chosen.caveat, with_activity) for gpu in chosen.gpus]
    cards = tuple(each for each in opened if isinstance(each, Card))
    faults = [each for each in opened if isinstance(each, MeterUnavailable)]
    if faults and (not cards or options.gpu_uuids is not None):
        raise faults[0]
    left_out = [
        left_out_gpu(NvmlMeter.name, gpu, each.reason)
        for gpu, each in zip(chosen.gpus, opened, strict=True)
        if isinstance(each, MeterUnavailable)
    ]
    return cards, (*chosen.left_out, *left_out)


def _open_card(pynvml: Any, gpu: Gpu, caveat: str | None, with_activity: bool) -> Card | MeterUnavailable:
    try:
        return Card(pynvml, gpu, caveat, with_activity=with_activity)
    except MeterUnavailable as error:
        return error
