"""Where the files of a model are on this machine, if they are, and what is wrong with them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.domain.model.files.folder import model_files_problem
from llenergymeasure.domain.model.reference import ModelRef
from llenergymeasure.domain.model.source import find_source
from llenergymeasure.exceptions import ConfigError


@dataclass(frozen=True, kw_only=True)
class LocalFiles:
    """A folder or a GGUF file of this machine."""

    path: Path
    partial: bool = False
    """What is missing will be downloaded: it is a folder in the cache of the Hub."""

    def problem(self, *, random_weights: bool) -> str | None:
        """Return why they cannot be loaded, with the fix, or None."""
        return model_files_problem(self.path, random_weights=random_weights, partial=self.partial)


def local_files(ref: ModelRef, revision: str | None = None, subfolder: str = "") -> LocalFiles | None:
    """Return the files of a model, or None where they do not exist or were not downloaded yet."""
    try:
        if ref.kind == "path":
            path = ref.path / subfolder
            return LocalFiles(path=path) if path.exists() else None
        if ref.kind == "package":
            source = find_source(ref)
            return LocalFiles(path=Path(source.repo, source.gguf_file or subfolder))
        return _in_cache(ref, revision, subfolder) if ref.kind == "hub" else None
    except (ConfigError, OSError, RuntimeError, ValueError):
        return None  # not a usable path: reported by another check


def _in_cache(ref: ModelRef, revision: str | None, subfolder: str) -> LocalFiles | None:
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name = ref.inside or str(Path(subfolder, "config.json"))
    try:
        found = try_to_load_from_cache(ref.name, name, revision=revision)
    except HFValidationError:
        return None
    if not isinstance(found, str):
        return None
    return LocalFiles(path=Path(found) if ref.inside else Path(found).parent, partial=True)
