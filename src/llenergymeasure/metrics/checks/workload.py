"""Checks of the workload: whether what ran is what was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable

from llenergymeasure.config.load import ClosedLoad
from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

BATCH_NOT_FILLED = WarningCode(
    code="batch_not_filled",
    meaning="Batches had fewer requests than the batch size that was asked for: the figures are those of the batches "
    "that ran.",
    remedy="Set workload.n_prompts to a multiple of the batch size, or lower the batch size.",
    severity=Levels(of="fraction of the batch size that was empty, on average", info=0.0, warning=0.1),
    because="A judgement: energy per token falls steeply with the batch size, by some percent for a tenth of it.",
)
PROMPTS_REPEATED = WarningCode(
    code="prompts_repeated",
    meaning="The data set has fewer prompts than workload.n_prompts asks for: they came more than once in a pass.",
    remedy="Lower workload.n_prompts to the number of prompts, or add prompts to the data set.",
    severity=Levels(of="how often a prompt came in one pass, on average", info=1.0),
    because="A backend that computes every prompt anew does the same work; one that caches them does less.",
)
CLIENTS_SHARE_PROMPTS = WarningCode(
    code="clients_share_prompts",
    meaning="There were more clients than prompts, so that several asked the same at the same time.",
    remedy="Raise workload.n_prompts above load.concurrency, with a data set of as many prompts.",
    severity="warning",
    because="A server that caches prompts computes each of them once, unlike for users with prompts of their own.",
)
CHAT_TEMPLATE_UNUSED = WarningCode(
    code="chat_template_unused",
    meaning="The model has a chat template, and the prompts were given to it without: it continues them as text, often "
    "with nothing.",
    remedy="Set workload.chat_template: true; for the work of plain text alone, decoder.ignore_eos: true.",
    severity="warning",
    because="The lengths of the answers, and so the energy per request, are not those that a user of the model gets.",
)

PROMPTS_UNKNOWN = WarningCode(
    code="prompts_unknown",
    meaning="The tokenizer does not know the text of the prompts: the model read its token for unknown text instead.",
    remedy="Use prompts in a language and script that the model was trained on.",
    severity=Levels(
        of="fraction of the prompt tokens that stand for unknown text", info=0.02, warning=0.1, invalid=0.9
    ),
    because="A judgement: the work per token is the same, the answers and their lengths are not; over 90 % the prompts "
    "say nothing.",
)
ANSWER_NOT_ASKED_FOR = WarningCode(
    code="answer_not_asked_for",
    meaning="The chat template writes no generation prompt: the model continues the text of the user, or ends at once.",
    remedy="Add the generation prompt to the model's chat template, as its authors publish it.",
    severity="warning",
    because="The lengths of the answers, and so the energy per request, are not those that a user of the model gets.",
)

PROMPTS_DATED = WarningCode(
    code="prompts_dated",
    meaning="The chat template writes the date or the time of the run into each prompt: a run on another day reads "
    "other tokens, and has another experiment_hash.",
    remedy="Compare runs of one day, or write a fixed date into the model's chat template, in a copy of its folder.",
    severity="info",
    because="A date is a few tokens of the prompt, and nearly always as many on each day.",
)
TOP_K_UNUSED = WarningCode(
    code="top_k_unused",
    meaning="The model has no more tokens than decoder.top_k: each could be drawn, as without it.",
    remedy="Lower decoder.top_k, or remove it.",
    severity="info",
    because="Nothing is left out; the run is that of the same configuration without it, under another config_hash.",
)


def check_batches_are_filled(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Static batches that a pass over the workload did not fill; continuous ones that it could not."""
    asked, in_pass = inputs.max_batch_size, inputs.config.workload.n_prompts
    if asked is None or not inputs.rows:
        return
    is_static = any((row.served.batch >= 0).any() for row in inputs.rows)
    if not is_static and in_pass >= asked:
        return
    mean = in_pass / math.ceil(in_pass / asked)
    last = in_pass % asked or asked
    sizes = f"of {in_pass}" if in_pass < asked else f"of {asked}, the last one of {last}"
    yield from BATCH_NOT_FILLED.raised(
        f"The batch size is {asked}, and a pass has {in_pass} requests: the batches that ran were {sizes}.",
        magnitude=1 - mean / asked,
    )


def check_prompts_are_distinct(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Prompts that came more than once in a pass, or were asked by several clients at a time."""
    prints, load = inputs.fingerprints, inputs.config.load
    if prints is None or not prints.prompts or not prints.distinct_prompts:
        return
    distinct = prints.distinct_prompts
    yield from PROMPTS_REPEATED.raised(
        f"A pass of {prints.prompts} requests had {distinct} different prompts.",
        magnitude=prints.prompts / distinct,
    )
    if isinstance(load, ClosedLoad) and max(load.rungs()) > distinct:
        yield from CLIENTS_SHARE_PROMPTS.raised(
            f"{max(load.rungs()):g} clients asked {distinct} different prompts: several asked the same at the same "
            "time."
        )


def check_chat_template_is_used(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A model with a chat template that got plain text, and ended its answers where it liked."""
    prints, workload = inputs.fingerprints, inputs.config.workload
    has_template = prints is not None and prints.chat_template_sha256 is not None
    plain_text = not workload.chat_template and workload.dataset != "synthetic"
    if has_template and plain_text and not inputs.config.decoder.ignore_eos:
        yield from CHAT_TEMPLATE_UNUSED.raised(
            f"{inputs.config.model} has a chat template, and workload.chat_template is false: the prompts were "
            "continued as plain text."
        )


def check_prompts_reach_the_model(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Prompts that the tokenizer does not know, or a chat template that asks for no answer or writes the date."""
    facts = inputs.prompt_facts
    if facts is None:
        return
    if facts.unknown_fraction is not None:
        yield from PROMPTS_UNKNOWN.raised(
            f"{facts.unknown_fraction:.0%} of the prompt tokens stand for text that the tokenizer of "
            f"{inputs.config.model} does not know.",
            magnitude=facts.unknown_fraction,
        )
    if facts.opens_answer is False:
        yield from ANSWER_NOT_ASKED_FOR.raised(
            f"The chat template of {inputs.config.model} asks for no answer after the text of the user."
        )
    if facts.reads_clock:
        yield from PROMPTS_DATED.raised(
            f"The chat template of {inputs.config.model} writes the date or the time into the prompts (strftime_now): "
            "they are those of the moment of the run."
        )


def check_top_k_has_an_effect(inputs: CheckInputs) -> Iterable[RunWarning]:
    """More most likely tokens to draw from than the model has."""
    top_k, tokens = inputs.config.decoder.top_k, inputs.model_info and inputs.model_info.vocab_size
    if top_k is not None and tokens and top_k >= tokens:
        yield from TOP_K_UNUSED.raised(f"decoder.top_k is {top_k}, and the model has {tokens} tokens.")
