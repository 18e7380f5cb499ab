"""Figures of what was served: requests and tokens."""

from __future__ import annotations

from llenergymeasure.domain.estimate import Estimate, exact
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Quantity, Unknown
from llenergymeasure.metrics.figures.quantities import INPUT_TOKENS, OUTPUT_TOKENS, REQUESTS, TOKENS

NEVER = "never (0 without a complete window)"


def count(figure: Figure, inputs: FigureInputs) -> Estimate | Unknown:
    """Return the sum of the numerator over the windows, which is counted and so exact."""
    assert figure.numerator is not None
    counts = [figure.numerator.of(row, inputs) for row in inputs.rows]
    return exact(sum(round(each or 0) for each in counts), figure.unit, "counted")


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
