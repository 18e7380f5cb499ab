"""Whether a model of the Hugging Face Hub can be had: from the cache, or from the Hub as it answers now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.domain.model import hub_access
from llenergymeasure.domain.model.files.folder import missing_weights
from llenergymeasure.domain.model.hub_answers import HubAnswer, hub_answer, refusal_of
from llenergymeasure.domain.model.reference import ModelRef, parse_model_ref

logger = logging.getLogger(__name__)

_ELSEWHERE = ("subfolder", "cache_dir", "local_files_only", "gguf_file", "token", "proxies", "variant")
"""Loader arguments with which the files are others, or asked for in another way: nothing is known then."""
_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken")
_IMPOSSIBLE: dict[HubAnswer, str] = {
    "offline": "HF_HUB_OFFLINE is set → unset it, or download the model elsewhere and set `model` to its folder",
    "unreachable": "the Hub cannot be reached → connect (HTTPS_PROXY, HF_ENDPOINT), or download the model elsewhere "
    "and set `model` to its folder",
    "tls": "the certificate of what answers for the Hub is not trusted, as behind a proxy that decrypts → set "
    "SSL_CERT_FILE to the certificates of your organisation",
}
"""Answers with which no file can be had."""
_DOUBTFUL: dict[HubAnswer | None, str] = {
    "rate_limited": "the Hub limits the rate of requests (429): wait some minutes, or log in with a token",
    "server_fault": "the Hub has a fault (5xx): see https://status.huggingface.co",
    "foreign": "a proxy, a web filter or a login page answers instead of the Hub: open its page in a browser, or ask "
    "who runs your network",
    "broken_off": "the connection to the Hub broke off",
    "timeout": f"the Hub did not answer within {hub_access.TIMEOUT_S:.0f} s",
}
"""Answers after which loading may still succeed, if not at once."""


def check_hub_model(config: ExperimentConfig) -> list[str]:
    """Look whether the files of a model on the Hub can be had; what is not in the cache is asked for, not fetched.

    What may still succeed is a warning.
    """
    ref = parse_model_ref(config.model, config.revision)
    if ref.kind != "hub" or any(key in (config.passthrough_kwargs or {}) for key in _ELSEWHERE):
        return []
    lacking = _lacking(ref, random_weights=config.weights == "random")
    if lacking is None:
        return []
    fault = fault_within(
        hub_access.TIMEOUT_S, lambda: hub_access.look_up_file(ref.name, _first_file(ref), ref.revision)
    )
    if fault is None or isinstance(fault, ImportError):
        return []
    logger.debug("the Hub on %s: %s", ref.text, mask_secrets(str(fault)))
    return list(_problem(ref, lacking, hub_answer(fault)))


def _problem(ref: ModelRef, lacking: str, answer: HubAnswer | None) -> Iterator[str]:
    if answer in _IMPOSSIBLE:
        yield f"{ref.text} {lacking}, and {_IMPOSSIBLE[answer]}"
    elif answer == "no_revision":
        yield f"{ref.text} has no revision '{ref.revision}' on the Hub → correct `revision`, or leave it out"
    elif answer == "no_file":
        yield f"{ref.text} has no {_first_file(ref)} on the Hub → {_other_file(ref)}"
    elif (refusal := refusal_of(ref.text, answer)) is not None:
        yield refusal
    else:
        why = _DOUBTFUL.get(answer, "what the Hub answers is not understood (LLEM_DEBUG=1)")
        logger.warning("%s %s, and loading it may fail: %s", ref.text, lacking, why)


def _lacking(ref: ModelRef, *, random_weights: bool) -> str | None:
    """Return what the cache lacks of a model, None where it has all of it."""
    folder = hub_access.cached_snapshot(ref.name, ref.revision)
    if folder is None:
        return "is not in the cache"
    if ref.inside is not None:
        return None if (folder / ref.inside).exists() else f"is not in the cache: {ref.inside} missing"
    if not (folder / "config.json").is_file():
        return "is only partly in the cache: config.json missing"
    missing = None if random_weights else missing_weights(folder)
    if missing is not None:
        return f"is only partly in the cache: {missing} missing"
    if not _has_tokenizer(folder):
        return "is only partly in the cache: its tokenizer is missing"
    return None


def _has_tokenizer(folder: Path) -> bool:
    return any(True for pattern in _TOKENIZERS for _ in folder.glob(pattern))


def _first_file(ref: ModelRef) -> str:
    return ref.inside or hub_access.CONFIG_FILE


def _other_file(ref: ModelRef) -> str:
    if ref.inside is not None:
        return "correct the name of the file"
    return "choose a model in the format of transformers, or name a GGUF file of it: OWNER/NAME/FILE.gguf"
