"""What is compared between results: one row an aspect, with what a difference in it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.metrics.comparison import readings
from llenergymeasure.metrics.comparison.readings import Value


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """One thing in which results may differ."""

    name: str
    label: str
    of: Callable[[ExperimentResult], Value]
    bends: bool
    consequence: str
    tolerance: float = 0.0
    """Numbers count as equal within this fraction of the largest."""


ASPECTS: tuple[Aspect, ...] = (
    Aspect(
        name="verdict",
        label="Verdict",
        of=lambda result: "invalid" if result.verdict == "invalid" else "valid",
        bends=True,
        consequence="the figures of an invalid result mean nothing beside others",
    ),
    Aspect(
        name="parameters",
        label="Parameters",
        of=readings.of_model("n_parameters"),
        bends=True,
        consequence="these are different models",
    ),
    Aspect(
        name="arithmetic",
        label="Data types",
        of=readings.data_types,
        bends=True,
        consequence="weights of fewer bits move fewer bytes, and answers differ",
    ),
    Aspect(
        name="prompts",
        label="Prompts",
        of=readings.digest("prompts_sha256"),
        bends=True,
        consequence="other prompts were asked",
    ),
    Aspect(
        name="prompt_tokens",
        label="Prompt tokens per request",
        of=readings.per_request("input_tokens"),
        bends=True,
        tolerance=0.002,
        consequence="the same text became more tokens in one of them (tokenizer, special tokens, chat template)",
    ),
    Aspect(
        name="tokens",
        label="Tokens of the prompts",
        of=readings.digest("tokens_sha256"),
        bends=False,
        consequence="the models read other tokens; with as many of them, the work is the same",
    ),
    Aspect(
        name="begin_twice",
        label="Begin token twice",
        of=readings.begins_twice,
        bends=True,
        consequence="a tokenizer added a begin token to prompts that had one: answers differ",
    ),
    Aspect(
        name="head",
        label="First tokens of all prompts",
        of=readings.first_tokens,
        bends=False,
        consequence="special tokens or the head of the chat template differ",
    ),
    Aspect(
        name="chat_template",
        label="Chat template",
        of=readings.chat_template,
        bends=True,
        consequence="the models were asked in another form: lengths of prompts and answers differ",
    ),
    Aspect(
        name="decoder",
        label="Decoding asked for",
        of=readings.decoding,
        bends=True,
        consequence="answers, and so their lengths, follow other rules",
    ),
    Aspect(
        name="sampling",
        label="Sampling in force",
        of=readings.sampling,
        bends=True,
        consequence="an engine or a model brought defaults of its own",
    ),
    Aspect(
        name="stop_tokens",
        label="Tokens that end an answer",
        of=readings.stop_tokens,
        bends=True,
        consequence="answers end at other places",
    ),
    Aspect(
        name="answers_asked",
        label="Longest answer allowed",
        of=readings.setting("workload", "max_output_tokens"),
        bends=True,
        consequence="longer answers spread the prompt over more tokens",
    ),
    Aspect(
        name="answer_tokens",
        label="Output tokens per request",
        of=readings.per_request("output_tokens"),
        bends=True,
        tolerance=0.02,
        consequence="per request, answers of different lengths are compared; per token, the prompt weighs differently "
        "(decoder.ignore_eos makes lengths equal)",
    ),
    Aspect(
        name="stopped",
        label="Answers that ended by themselves",
        of=readings.share_stopped,
        bends=False,
        tolerance=0.05,
        consequence="the others were cut off at the longest answer allowed",
    ),
    Aspect(
        name="load",
        label="Load",
        of=readings.load,
        bends=True,
        consequence="energy per token falls many times with the number of requests in flight",
    ),
    Aspect(
        name="cache",
        label="Prefix cache policy",
        of=readings.cache_policy,
        bends=True,
        consequence="prompts from a cache are not computed",
    ),
    Aspect(
        name="cached",
        label="Prompt tokens from a cache",
        of=readings.share_cached,
        bends=True,
        tolerance=0.01,
        consequence="one of them computed less of the prompts",
    ),
    Aspect(
        name="boundary",
        label="Devices in the energy",
        of=readings.devices,
        bends=True,
        consequence="the energies are not of the same devices, or not measured the same way",
    ),
    Aspect(
        name="hardware",
        label="Hardware",
        of=readings.hardware,
        bends=False,
        consequence="the difference is of the machines too",
    ),
    Aspect(
        name="threads",
        label="Processor threads",
        of=readings.of_model("cpu_threads"),
        bends=True,
        consequence="power and speed of a processor depend on how many of its threads work",
    ),
    Aspect(
        name="speculative",
        label="Speculative decoding",
        of=readings.fact("speculative"),
        bends=True,
        consequence="several tokens come from one pass over the weights",
    ),
    Aspect(
        name="chunked_prefill",
        label="Chunked prefill",
        of=readings.fact("chunked_prefill"),
        bends=False,
        consequence="long prompts delay the answers of others less, and their first token comes later",
    ),
    Aspect(
        name="kv_cache_dtype",
        label="Data type of the KV cache",
        of=readings.fact("kv_cache_dtype"),
        bends=True,
        consequence="fewer bytes are moved for each token",
    ),
    Aspect(
        name="context_limit",
        label="Context limit",
        of=readings.fact("context_limit"),
        bends=False,
        consequence="engines reserve memory for it, and long requests may be cut or refused",
    ),
    Aspect(
        name="attention",
        label="Attention",
        of=readings.of_model("attention"),
        bends=False,
        consequence="implementations differ in speed",
    ),
)
"""Those of the work first, then those of how it was served."""
