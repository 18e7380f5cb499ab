"""Questions to the Hugging Face Hub and to its cache on this machine; none takes longer than it is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.domain.model.files.folder import missing_weights
from llenergymeasure.domain.model.source import ModelSource

MAIN = "main"
CONFIG_FILE = "config.json"
TIMEOUT_S = 5.0


def look_up_file(repo: str, file: str, revision: str | None) -> None:
    """Ask the Hub for a file of a repository, without fetching it; whatever its client raises is the answer."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import FileMetadataError

    found = get_hf_file_metadata(hf_hub_url(repo, file, revision=revision))
    if found.commit_hash is None:
        raise FileMetadataError(f"what answers for {file} of {repo} is not the Hub")


def from_cache_unless_answered(source: ModelSource, revision: str | None) -> ModelSource:
    """Return the source to be read from the cache alone where it is there and the Hub does not give it now.

    The client would refuse a cached model of which the Hub says that it does not exist, and would try for a minute to
    reach a Hub that is down.
    """
    snapshot = None if source.is_local else cached_snapshot(source.repo, revision)
    if snapshot is None or not _has_weights(snapshot, source):
        return source
    file = source.gguf_file or CONFIG_FILE
    fault = fault_within(TIMEOUT_S, lambda: look_up_file(source.repo, file, revision))
    return source if fault is None else replace(source, repo=str(snapshot), commit=snapshot.name)


def _has_weights(snapshot: Path, source: ModelSource) -> bool:
    """Whether more is there than the small files that pre-flight asked for."""
    if source.gguf_file:
        return (snapshot / source.gguf_file).exists()
    return missing_weights(snapshot) is None


def cached_snapshot(repo: str, revision: str | None) -> Path | None:
    """Return the folder in which the cache has files of a revision, complete or not; None where it has none."""
    root = _cached_repository(repo)
    if root is None:
        return None
    wanted = revision or MAIN
    try:
        commit = (root / "refs" / wanted).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = wanted
    folder = root / "snapshots" / commit
    return folder if _has_files(folder) else None


def is_cached(repo: str) -> bool:
    """Whether the cache has files of any revision of a repository."""
    root = _cached_repository(repo)
    return root is not None and any(_has_files(each) for each in root.glob("snapshots/*"))


def _cached_repository(repo: str) -> Path | None:
    try:
        from huggingface_hub.constants import HF_HUB_CACHE

        return Path(HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
    except Exception:  # noqa: BLE001 - without the client there is no cache of its own
        return None


def _has_files(folder: Path) -> bool:
    try:
        return any(each.exists() for each in folder.iterdir())
    except (OSError, ValueError):
        return False
