"""The quantities of one window that figures are made of."""

from __future__ import annotations

from llenergymeasure.metrics.figures.figure import Quantity

J_PER_WH = 3600
"""A watt-hour is a watt for 3,600 seconds."""

ENERGY = Quantity(text="energy", of=lambda row, _: row.energy.energy_j)
DURATION = Quantity(text="duration", of=lambda row, _: row.duration_s)
INPUT_TOKENS = Quantity(text="input tokens", of=lambda row, _: row.input_tokens)
OUTPUT_TOKENS = Quantity(text="output tokens", of=lambda row, _: row.output_tokens)
TOKENS = Quantity(text="tokens", of=lambda row, _: row.total_tokens)
REQUESTS = Quantity(text="requests", of=lambda row, _: len(row.served))
CACHED_INPUT_TOKENS = Quantity(text="cached input tokens", of=lambda row, _: row.cached_input_tokens)
COMPUTED_INPUT_TOKENS = Quantity(
    text="computed input tokens",
    of=lambda row, _: None if row.cached_input_tokens is None else row.input_tokens - row.cached_input_tokens,
)
THOUSAND_REQUESTS_WH = Quantity(
    text="thousand requests × 3,600 J/Wh", of=lambda row, _: len(row.served) / 1000 * J_PER_WH
)
