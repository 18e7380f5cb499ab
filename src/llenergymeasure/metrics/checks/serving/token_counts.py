"""Checks of the token counts of a server: what it did not state was estimated."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

CHUNK_TOKENS_SPREAD = WarningCode(
    code="chunk_tokens_spread",
    meaning="The server sends several tokens in a message and does not say how many: those of an answer are spread "
    "evenly over its messages. Totals are exact; `tpot_s` knows the tokens of the first message only by this estimate, "
    "and `tokens_per_chunk` leaves these answers out.",
    remedy="Have the server state them: vLLM does with server.extra_body: {return_token_ids: true}, others with usage "
    "beside each message.",
    severity="info",
    because="The first message has few of the tokens of an answer: `tpot_s` is off by their share at most.",
)
OUTPUT_TOKENS_ASSUMED = WarningCode(
    code="output_tokens_assumed",
    meaning="The server states no number of output tokens: each message with text counts as one token, though it may "
    "have several. All figures per output token rest on that.",
    remedy="Use a version of the server that states usage in its streams (stream_options: {include_usage: true}).",
    severity="warning",
    because="The true number may be several times larger, with speculative decoding for example.",
)


def check_tokens_are_counted(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Answers within the windows whose tokens, or those of their chunks, the server did not count."""
    served = RequestTable.concatenate([row.served for row in inputs.rows])
    for code, how in ((CHUNK_TOKENS_SPREAD, "spread"), (OUTPUT_TOKENS_ASSUMED, "assumed")):
        count = int((served.tokens_estimated == how).sum())
        if count:
            what = "tokens of each message" if how == "spread" else "number of tokens"
            yield from code.raised(
                f"The server does not state the {what} of {count} of {len(served)} answers."
            )
