"""What the aspects of a comparison read in a result; None where it does not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.model.serving_facts import ServingFacts

Value = str | float | None


def setting(*path: str) -> Callable[[ExperimentResult], Value]:
    """Return the reader of a field of the configuration."""

    def value(result: ExperimentResult) -> Value:
        found: Any = result.config
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return None if found is None else str(found).lower() if isinstance(found, bool) else str(found)

    return value


def digest(name: str) -> Callable[[ExperimentResult], Value]:
    """Return the reader of a fingerprint, its first twelve digits."""

    def value(result: ExperimentResult) -> Value:
        digest = getattr(result.fingerprints or Fingerprints(), name)
        return None if digest is None else str(digest)[:12]

    return value


def fact(name: str) -> Callable[[ExperimentResult], Value]:
    """Return the reader of what an engine tells of itself."""

    def value(result: ExperimentResult) -> Value:
        found = getattr(_facts(result), name)
        return None if found is None else str(found).lower() if isinstance(found, bool) else str(found)

    return value


def _facts(result: ExperimentResult) -> ServingFacts:
    return ServingFacts() if result.served is None else result.served.facts


def of_model(name: str) -> Callable[[ExperimentResult], Value]:
    """Return the reader of a fact of the model."""

    def value(result: ExperimentResult) -> Value:
        found = None if result.model_info is None else getattr(result.model_info, name)
        return None if found is None else str(found)

    return value


def per_request(tokens: str) -> Callable[[ExperimentResult], Value]:
    """Return the reader of a mean number of tokens."""

    def value(result: ExperimentResult) -> Value:
        count = getattr(result, tokens)
        return None if count is None or not result.total_requests else count / result.total_requests

    return value


def data_types(result: ExperimentResult) -> Value:
    """Return in what is computed, and what the weights are stored in."""
    info = result.model_info
    return None if info is None else f"{info.dtype}, weights {info.quantisation or 'not quantised'}"


def chat_template(result: ExperimentResult) -> Value:
    """Return the digest of the template in use."""
    used = setting("workload", "chat_template")(result)
    if used != "true":
        return None if used is None else "not used"
    return digest("chat_template_sha256")(result)


def decoding(result: ExperimentResult) -> Value:
    """Return the settings of decoding that were asked for."""
    decoder = result.config.get("decoder")
    if not isinstance(decoder, Mapping):
        return None
    return ", ".join(f"{name} {value}" for name, value in sorted(decoder.items()) if value is not None)


def sampling(result: ExperimentResult) -> Value:
    """Return those in force."""
    sampling = _facts(result).sampling
    if sampling is None:
        return None
    return ", ".join(f"{name} {value}" for name, value in sorted(sampling.items())) or "greedy"


def stop_tokens(result: ExperimentResult) -> Value:
    """Return the tokens that end an answer."""
    ids = _facts(result).stop_token_ids
    return None if ids is None else ", ".join(map(str, sorted(ids))) or "none"


def begins_twice(result: ExperimentResult) -> Value:
    """Return whether all prompts begin with one token twice."""
    head = _facts(result).head_token_ids
    if head is None:
        return None
    return "yes" if len(head) > 1 and head[0] == head[1] else "no"


def first_tokens(result: ExperimentResult) -> Value:
    """Return what all prompts begin with."""
    head = _facts(result).head_token_ids
    return None if head is None else ", ".join(map(str, head)) or "nothing in common"


def share_stopped(result: ExperimentResult) -> Value:
    """Return the share of the answers that a stop token ended."""
    reasons = {} if result.served is None else result.served.finish_reasons
    total = sum(reasons.values())
    return None if not total or "unknown" in reasons else reasons.get("stop", 0) / total


def cache_policy(result: ExperimentResult) -> Value:
    """Return the policy of the prefix cache."""
    return None if result.prefix_cache is None else result.prefix_cache.policy


def share_cached(result: ExperimentResult) -> Value:
    """Return the share of the prompt tokens that came from it."""
    return None if result.prefix_cache is None else result.prefix_cache.cached_fraction


def devices(result: ExperimentResult) -> Value:
    """Return the kinds of devices in the energy, and how each was measured."""
    counted = {f"{each.domain} ({each.method})" for each in result.energy.by_device if each.included_in_total}
    return ", ".join(sorted(counted)) or None


def load(result: ExperimentResult) -> Value:
    """Return the load with its settings."""
    load = result.config.get("load")
    if not isinstance(load, Mapping):
        return None
    return ", ".join(f"{name} {value}" for name, value in load.items() if value is not None)


def hardware(result: ExperimentResult) -> Value:
    """Return what the model ran on."""
    if result.environment is None:
        return result.device
    gpus = [gpu.name for gpu in result.environment.gpus if gpu.visible]
    return result.environment.cpu.model if result.device == "cpu" else ", ".join(gpus) or result.device
