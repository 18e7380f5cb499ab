"""Figures of the work done: requests, tokens, reference FLOPs."""

from __future__ import annotations

import math

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.quantities import INPUT_TOKENS, OUTPUT_TOKENS, REQUESTS, TOKENS
from llenergymeasure.metrics.performance.flops import request_flops

NEVER = "never (0 without a complete window)"


def count(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the sum of the numerator over the windows, which is counted and so exact."""
    assert figure.numerator is not None
    counts = [figure.numerator.of(row, inputs) for row in inputs.rows]
    return exact(sum(round(each or 0) for each in counts), figure.unit, "counted")


def reference_flops(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the reference FLOPs of all requests, which are exact by definition."""
    counts = [window_flops(row, inputs) for row in inputs.rows]
    known = [each for each in counts if each is not None]
    if not known or len(known) < len(counts):
        return Unknown(reason=_uncounted(inputs) or figure.missing_because)
    return exact(math.fsum(known), figure.unit, "counted")


def _uncounted(inputs: FigureInputs) -> str | None:
    """Return why the parameters that multiply are unknown, where that is what is missing."""
    info = inputs.model_info
    return None if info is None else info.unknown.get("n_matmul_parameters")


def window_flops(row: WindowTotals, inputs: FigureInputs) -> float | None:
    """Return the reference FLOPs of one window's requests; None where the model's shape is unknown."""
    if inputs.model_info is None:
        return None
    flops = request_flops(inputs.model_info, row.served.prompt_tokens, row.served.output_tokens)
    return None if flops is None else math.fsum(flops)


TOTAL_REQUESTS = Figure(
    name="total_requests",
    label="Requests",
    unit="requests",
    better=None,
    section="work",
    numerator=REQUESTS,
    formula="count of the answered requests that ended in the windows",
    missing_because=NEVER,
    compute=count,
)
FAILED_REQUESTS = Figure(
    name="failed_requests",
    label="Failed requests",
    unit="requests",
    better="lower",
    section="work",
    numerator=Quantity(text="failed requests", of=lambda row, _: len(row.failed)),
    formula="count of the requests that ended in the windows without an answer",
    missing_because=NEVER,
    compute=count,
    in_summary=False,
)
TOTAL_INPUT_TOKENS = Figure(
    name="input_tokens",
    label="Input tokens",
    unit="tokens",
    better=None,
    section="work",
    numerator=INPUT_TOKENS,
    formula="count of the prompt tokens of the windows, without padding",
    missing_because=NEVER,
    compute=count,
)
TOTAL_OUTPUT_TOKENS = Figure(
    name="output_tokens",
    label="Output tokens",
    unit="tokens",
    better=None,
    section="work",
    numerator=OUTPUT_TOKENS,
    formula="count of the tokens written in the windows, the first end-of-sequence token included",
    missing_because=NEVER,
    compute=count,
)
TOTAL_TOKENS = Figure(
    name="total_tokens",
    label="Tokens",
    unit="tokens",
    better=None,
    section="work",
    numerator=TOKENS,
    formula="`input_tokens` + `output_tokens`",
    missing_because=NEVER,
    compute=count,
    in_summary=False,
)
TOTAL_FLOPS = Figure(
    name="total_flops",
    label="FLOPs (reference)",
    unit="FLOP",
    better=None,
    section="work",
    numerator=Quantity(text="reference FLOPs", of=window_flops),
    formula="2 × matrix parameters per token processed, plus attention "
    "([arXiv:2001.08361](https://arxiv.org/abs/2001.08361), "
    "[arXiv:2204.02311](https://arxiv.org/abs/2204.02311))",
    missing_because="the model does not state its shape",
    compute=reference_flops,
)
