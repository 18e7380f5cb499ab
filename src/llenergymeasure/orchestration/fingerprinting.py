"""Fingerprints of one run: what its configuration names, as it was found on this machine."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from llenergymeasure.backends.base import Backend, EncodedRequest, other_models
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.model.file_digest import digest_file, digest_files
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, find_source
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import ConfigError, LLEMError
from llenergymeasure.foreign_code import explained
from llenergymeasure.workloads.base import Workload

logger = logging.getLogger(__name__)

WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".index.json")
ADAPTER = (*WEIGHTS, "adapter_config.json")
SETTINGS = ("config.json", "generation_config.json")
BY_ETAG = "digests that the Hub states of each file"


@dataclass
class _Found:
    """Digests by field of `Fingerprints`, and why others are unknown."""

    values: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, make: Callable[[], str | None], missing: str) -> None:
        try:
            self.values[name] = make()
        except (OSError, LLEMError, ValueError, RuntimeError) as error:
            self.values[name], missing = None, str(error)
        if self.values[name] is None:
            self.unknown[name] = missing


def local_weights(config: ExperimentConfig) -> Mapping[str, str] | None:
    """Return the digest of weights that are on this machine before they are loaded, and its method; else None.

    It may take a second or two: call it beside the loading.
    """
    if config.weights == "random":
        return None
    try:
        source = find_source(parse_model_ref(config.model, config.revision))
        return _weights(source, source.repo) if source.is_local else None
    except (OSError, LLEMError, ValueError, RuntimeError):
        return None  # `fingerprint` says why


def fingerprint(
    config: ExperimentConfig,
    backend: Backend,
    info: ModelInfo | None,
    prompts: tuple[Workload, Sequence[Prompt], Sequence[EncodedRequest]],
    weights: Mapping[str, str] | None,
) -> Fingerprints:
    """Return the fingerprints of a run whose model is loaded and whose prompts are encoded; never raises.

    `prompts` are those of the data set and what the backend made of them; `weights` those of `local_weights`.
    """
    found = _Found()
    _of_prompts(config, prompts, found)
    _of_model(config, info, weights, found)
    _of_assistant(config, backend, found)
    told = _told(backend)
    for name, missing in (
        ("tokenizer_sha256", f"backend {config.backend} does not tell it"),
        ("chat_template_sha256", "the tokenizer has none, or the backend does not tell it"),
    ):
        found.take(name, partial(told.get, name), missing)
    return Fingerprints(**found.values, unknown=found.unknown)


def _told(backend: Backend) -> Mapping[str, str]:
    """Return what a backend tells of what it loaded; a tokenizer may run code of its own, which may fail."""
    tell: Callable[[], Mapping[str, str]] = getattr(backend, "fingerprints", dict)
    try:
        return tell()
    except Exception as error:  # noqa: BLE001 - whatever the code of a tokenizer raises
        logger.debug("the backend does not tell the fingerprints of its tokenizer: %s", error)
        return {}


def _of_prompts(
    config: ExperimentConfig,
    given: tuple[Workload, Sequence[Prompt], Sequence[EncodedRequest]],
    found: _Found,
) -> None:
    workload, prompts, encoded = given
    file: Callable[..., Path | None] = getattr(workload, "file", lambda _config: None)

    def of_file() -> str | None:
        with explained(lambda cause: ConfigError(f"the data set does not name its file: {cause}")):
            path = file(config.workload)
        return None if path is None else digest_file(path)

    found.take("dataset_sha256", of_file, f"data set {config.workload.dataset} is not read from a file")
    texts = [[each.text, each.n_tokens, each.token_seed] for each in prompts]
    found.values["prompts_sha256"] = _digest(texts)
    found.values["prompts"] = len(texts)
    found.values["distinct_prompts"] = len({json.dumps(text) for text in texts})
    known = all(each.token_ids for each in encoded)
    ids = [each.token_ids for each in encoded]
    missing = "only the inference software knows the token ids"
    found.take("tokens_sha256", lambda: _digest(ids) if known else None, missing)


def _of_model(
    config: ExperimentConfig, info: ModelInfo | None, weights: Mapping[str, str] | None, found: _Found
) -> None:
    revision = None if info is None else info.revision
    found.take("model_revision", lambda: revision, "neither the Hub's nor a package's")
    found.values.update(weights or {})
    try:
        source = find_source(parse_model_ref(config.model, config.revision))
        folder = _folder(source, revision)
    except (OSError, LLEMError, ValueError, RuntimeError) as error:
        source, folder = None, None
        missing = str(error)
    else:
        missing = "the files of the model are not in a folder of this machine"
    if config.weights == "random":
        found.unknown["weights_sha256"] = "the weights are random, drawn from random_seed"
    elif not weights and source is not None and folder is not None:
        nothing = f"no file of weights is in {folder}"
        found.take("weights_sha256", partial(_remembered, found, source, folder), nothing)
    elif not weights:
        found.unknown["weights_sha256"] = missing
    if source is not None and source.gguf_file:
        folder, missing = None, "it is part of the GGUF file"
    found.take("model_config_sha256", partial(_settings, folder), missing)
    adapter = getattr(config.plugin_sections().get(config.backend), "lora_adapter", None)
    if adapter is not None:
        found.take("adapter_sha256", partial(_adapter, adapter), f"{adapter} is no folder of this machine")


def _of_assistant(config: ExperimentConfig, backend: Backend, found: _Found) -> None:
    """Take the weights of what the backend loads beside the model; there is one such at most."""
    try:
        others = other_models(backend, config)
    except LLEMError as error:
        logger.debug("the backend does not tell what it loads beside the model: %s", error)
        return
    for setting, other in others.items():
        if config.weights == "random":
            found.unknown["assistant_sha256"] = "the weights are random, drawn from random_seed"
            continue

        def digest(other: ExperimentConfig = other) -> str | None:
            source = find_source(parse_model_ref(other.model, other.revision))
            folder = _folder(source, other.revision)
            return None if folder is None else _weights(source, str(folder)).get("weights_sha256")

        found.take("assistant_sha256", digest, f"the files of {setting} are not in a folder of this machine")


def _remembered(found: _Found, source: ModelSource, folder: Path) -> str | None:
    digests = _weights(source, str(folder))
    found.values["weights_method"] = digests.get("weights_method")
    return digests.get("weights_sha256")


def _weights(source: ModelSource, folder: str) -> dict[str, str]:
    """Return digest and method of the files with the weights; nothing where there are none."""
    root = Path(folder)
    files = [root / source.gguf_file] if source.gguf_file else _named(root, WEIGHTS)
    if not files:
        return {}
    etags = [path.resolve().name for path in files if path.resolve().parent.name == "blobs"]
    if len(etags) == len(files):  # the Hub's cache: links to files that are named after their digest
        named = sorted(zip((path.name for path in files), etags, strict=True))
        return {"weights_sha256": _digest(named), "weights_method": BY_ETAG}
    digest, method = digest_files(files, root)
    return {"weights_sha256": digest, "weights_method": method}


def _folder(source: ModelSource, revision: str | None) -> Path | None:
    """Return the folder with the model's files, that of the Hub's cache included."""
    if source.is_local:
        return Path(source.repo)
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None

    cached = try_to_load_from_cache(source.repo, source.gguf_file or SETTINGS[0], revision=revision)
    return Path(cached).parent if isinstance(cached, str) else None


def _settings(folder: Path | None) -> str | None:
    files = [] if folder is None else [*_named(folder, (".py",)), *(folder / name for name in SETTINGS)]
    there = [path for path in files if path.is_file()]
    return digest_files(there, folder)[0] if there and folder is not None else None


def _adapter(adapter: str) -> str | None:
    folder = Path(adapter).expanduser()
    files = _named(folder, ADAPTER) if folder.is_dir() else []
    return digest_files(files, folder)[0] if files else None


def _named(folder: Path, ends: tuple[str, ...]) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name.endswith(ends) and path.is_file()]


def _digest(content: Iterable[Any]) -> str:
    return hashlib.sha256(json.dumps(list(content)).encode()).hexdigest()
