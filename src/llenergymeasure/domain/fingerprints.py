"""What was measured beside the configuration: digests of data, weights and tokenizer, and the hash over all of it."""

from __future__ import annotations

import hashlib
import json

from pydantic import Field

from llenergymeasure.core.record import Record


class Fingerprints(Record):
    """SHA-256 of what a run used, in hexadecimal; None where it is unknown, with the reason in `unknown`."""

    dataset_sha256: str | None = None
    """Of the file with the prompts."""
    prompts_sha256: str | None = None
    """Of the prompts of a pass in their order, as the data set gives them, without their ids."""
    tokens_sha256: str | None = None
    """Of the token ids of a pass in their order, as the model reads them."""
    weights_sha256: str | None = None
    """Of the files with the weights, by their names."""
    weights_method: str | None = None
    """How the weights were read: whole, in blocks, or by the Hub's digests of them."""
    model_config_sha256: str | None = None
    """Of config.json, generation_config.json and Python files beside the weights."""
    adapter_sha256: str | None = None
    """Of the files of the LoRA adapter."""
    assistant_sha256: str | None = None
    """Of the files with the weights of the assistant that proposes tokens; None without one."""
    tokenizer_sha256: str | None = None
    """Of the tokenizer that was loaded."""
    chat_template_sha256: str | None = None
    """Of its chat template."""
    model_revision: str | None = None
    """Commit on the Hub, or version of the package with the weights."""
    prompts: int | None = None
    """Prompts of a pass."""
    distinct_prompts: int | None = None
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a digest that is None: why."""


FIRST = frozenset(
    f"{name}_sha256"
    for name in ("prompts", "tokens", "weights", "model_config", "adapter", "tokenizer", "chat_template")
) | {"weights_method", "model_revision"}
"""Those of the first release: they count in `experiment_hash` also where they are unknown."""


def experiment_hash(config_hash: str, fingerprints: Fingerprints) -> str:
    """Return sixteen hex digits (SHA-256) of what is measured, with what: configuration, prompts, weights, tokenizer.

    The file of the prompts does not count, only what was read of it; nor does why something is unknown. A digest that
    is added later counts only where it is known, so it changes no hash of a run that has none.
    """
    known = fingerprints.model_dump(exclude={"dataset_sha256", "unknown", "prompts", "distinct_prompts"})
    counted = {name: value for name, value in known.items() if name in FIRST or value is not None}
    text = json.dumps({"config_hash": config_hash, **counted}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
