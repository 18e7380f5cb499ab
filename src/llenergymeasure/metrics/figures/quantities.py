"""The quantities of one window that figures are made of."""

from __future__ import annotations

from llenergymeasure.metrics.figures.figure import Quantity

ENERGY = Quantity(text="energy", of=lambda row, _: row.energy.energy_j)
DURATION = Quantity(text="duration", of=lambda row, _: row.duration_s)
INPUT_TOKENS = Quantity(text="input tokens", of=lambda row, _: row.input_tokens)
OUTPUT_TOKENS = Quantity(text="output tokens", of=lambda row, _: row.output_tokens)
TOKENS = Quantity(text="tokens", of=lambda row, _: row.total_tokens)
REQUESTS = Quantity(text="requests", of=lambda row, _: len(row.served))
