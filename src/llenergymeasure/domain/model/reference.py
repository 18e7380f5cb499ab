"""Model references: what the `model` setting names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PACKAGE = "package:"
GGUF = ".gguf"
_PATH_STARTS = ("/", "./", "../", "~")

ModelKind = Literal["hub", "path", "package", "url"]


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model reference, parsed.

    `hub`: `owner/name` on the Hugging Face Hub at a `revision`, or `owner/name/path/to/file.gguf` in it. `path`: a
    folder or a GGUF file of this machine, whether it exists or not. `package`: `package:NAME`, files inside an
    installed Python package, or `package:NAME/path` for one of several models in it. `url`: an address, which nothing
    loads yet.
    """

    text: str
    """As it was written."""
    kind: ModelKind
    name: str
    """Of the Hub's repository, or of the Python package; the text itself for a path or a URL."""
    inside: str | None = None
    """Path of a file or folder in the repository or the package; None where the whole is meant."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""

    @property
    def is_local(self) -> bool:
        """Whether the files are on this machine, so that no revision of the Hub applies."""
        return self.kind in ("path", "package")

    @property
    def path(self) -> Path:
        """The path with `~` expanded; RuntimeError where there is no such home folder."""
        return Path(self.text).expanduser()

    @property
    def names_gguf(self) -> bool:
        """Whether it names a GGUF file; a package may also contain one without naming it."""
        return self.text.endswith(GGUF)

    @property
    def short_name(self) -> str:
        """The last component, such as `SmolLM2-135M-Instruct`."""
        return self.text.replace("\\", "/").rstrip("/").rpartition("/")[2].rpartition(":")[2]


def parse_model_ref(text: str, revision: str | None = None) -> ModelRef:
    """Return the reference that a `model` setting stands for.

    A text that could be a Hub id is a path where a folder or a GGUF file of that name exists. Never raises.
    """
    if text.startswith(PACKAGE):
        name, _, inside = text.removeprefix(PACKAGE).partition("/")
        return ModelRef(text=text, kind="package", name=name, inside=inside or None, revision=revision)
    if text.startswith(_PATH_STARTS) or _is_bare_file(text) or _exists(text):
        return ModelRef(text=text, kind="path", name=text, revision=revision)
    if "://" in text:
        return ModelRef(text=text, kind="url", name=text, revision=revision)
    if text.endswith(GGUF):
        owner, name, inside = text.split("/", 2)
        return ModelRef(text=text, kind="hub", name=f"{owner}/{name}", inside=inside, revision=revision)
    return ModelRef(text=text, kind="hub", name=text, revision=revision)


def _is_bare_file(text: str) -> bool:
    """Whether it is a GGUF file without the two components of a repository before it."""
    return text.endswith(GGUF) and text.count("/") < 2


def _exists(text: str) -> bool:
    try:
        path = Path(text)
        return path.is_dir() or (path.suffix == GGUF and path.is_file())
    except (OSError, ValueError):
        return False  # too long for a path, or a null byte in it
