"""The meter of NVIDIA GPUs: every card the run may use, by UUID."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from llenergymeasure.core.nvidia import nvml
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.gpu_choice import choose_gpus
from llenergymeasure.meters.nvml.card import Card

STATE_EVERY = 10
"""Temperature, clocks, utilisation and throttle reasons change slowly: they are read on every tenth reading only."""
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
        self._turn = 0

    def open(self, options: MeterOptions) -> Sequence[Channel]:
        with ExitStack() as stack:
            pynvml = stack.enter_context(nvml.session())
            self._cards = _open_cards(pynvml, options)
            self._stack = stack.pop_all()
        if any(card.publishes_fast for card in self._cards):
            self.period_s = FAST_S
        return [card.channel for card in self._cards]

    def read(self, offset_ns: int) -> list[Sample]:
        self._turn += 1
        # the cards take turns, so that no single reading is much longer than the others
        return [
            card.read(index, offset_ns, with_state=(self._turn + index) % STATE_EVERY == 1)
            for index, card in enumerate(self._cards)
        ]

    def close(self) -> None:
        self._cards = ()
        self._stack.close()


def _open_cards(pynvml: Any, options: MeterOptions) -> tuple[Card, ...]:
    chosen, caveat = choose_gpus(options)
    return tuple(Card(pynvml, gpu, caveat) for gpu in chosen)
