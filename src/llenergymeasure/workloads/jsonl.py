"""The `jsonl` workload: prompts from a JSONL file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.lines import distinct_prompts, repeated


class JsonlWorkload:
    """Reads `workload.dataset` as a path; each line is an object with the key `workload.prompt_field`.

    Blank lines are skipped, and lines behind the last prompt that is needed are not read.
    """

    name: ClassVar[str] = "jsonl"

    def check(self, config: WorkloadConfig) -> str | None:
        try:
            for _ in _distinct(config):
                pass  # looked at and forgotten: the file may be large, and is read again when it is needed
        except ConfigError as error:
            return str(error)
        return None

    def file(self, config: WorkloadConfig) -> Path:
        """Return the file that is read."""
        return existing_file(config.dataset)

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        return repeated(list(_distinct(config)), config.n_prompts)


def _distinct(config: WorkloadConfig) -> Iterator[Prompt]:
    path = existing_file(config.dataset)
    try:
        yield from distinct_prompts(path, config.prompt_field, config)
    except OSError as error:
        raise ConfigError(f"data set {path} cannot be read: {error.strerror or error}") from None


def existing_file(dataset: str, what: str = "data set") -> Path:
    """Return the absolute path of a file that is to be read.

    Raises:
        ConfigError: with what is there instead.

    Anything but a regular file is refused: a pipe could be read only once, a device without end.
    """
    try:
        path = Path(dataset).expanduser().absolute()
        if path.is_file():
            return path
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{what} {dataset!r} is not a usable path: {error}") from None
    if path.is_dir():
        raise ConfigError(f"{what} {path} is a folder: name a .jsonl file in it{_files_in(path)}")
    if exists:
        raise ConfigError(f"{what} {path} is not a regular file: write the prompts to a .jsonl file first")
    folder = next(parent for parent in path.parents if parent.is_dir())
    raise ConfigError(
        f"{what} {path} does not exist; the nearest folder that does is {folder}{_near(path, folder)}"
    )


def _files_in(folder: Path) -> str:
    names = sorted(_names(folder))
    return f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else ""


def _near(path: Path, folder: Path) -> str:
    if folder != path.parent:
        return ""
    near = difflib.get_close_matches(path.name, _names(folder), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix == ".jsonl"]
    except OSError:
        return []  # a folder that may be entered but not listed has no names to suggest
