"""A bundle on disk: written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from llenergymeasure.core.files.durable import flush, move_folder
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.results import layout
from llenergymeasure.results.rescue import private_folders
from llenergymeasure.results.staging import locked, new_staging_folder

logger = logging.getLogger(__name__)

Writer = Callable[[Path], None]
FIRST_BELOW_FIGURES = "peak_memory_bytes"
"""The field of a result that follows the figures."""


def write_bundle(parent: Path, name: str, files: Mapping[str, Writer]) -> Path:
    """Write a folder `parent/name` with the given files and their checksums, and return where it lies.

    The folder appears under its name only when everything in it is on the disk; a name that is taken gets a number.
    Where `parent` cannot be written any more, the bundle is kept in a private folder of the user.

    Raises:
        ExperimentError: nowhere to write; nothing is left behind.
    """
    try:
        return _write(parent, name, files)
    except OSError as error:
        said = f"the result could not be written to {parent}: {error.strerror or error}"
        kept = _rescue(name, files)
        if kept is None:
            raise ExperimentError(
                f"{said}; nor to any private folder of the user. "
                "Free some disk space, or pass another folder with --output"
            ) from error
        raise ExperimentError(f"{said}. It was kept in {kept}", kept) from error


def result_json(result: ExperimentResult) -> str:
    """Return the text of result.json: figures that the model does not declare stand with those that it does.

    The result of a bundle that was opened begins with its folder, `bundle`.
    """
    document = result.model_dump(mode="json")
    document.pop("bundle", None)  # of a result that was read from such an output
    further = {name: document.pop(name) for name in result.model_extra or {} if name in document}
    head = {name: document.pop(name) for name in list(document)[: list(document).index(FIRST_BELOW_FIGURES)]}
    place = {} if result.bundle is None else {"bundle": str(result.bundle)}
    return json.dumps({**place, **head, **further, **document}, indent=2, ensure_ascii=False) + "\n"


def facts_json(facts: RunFacts) -> str:
    """Return the text of run.json."""
    return facts.model_dump_json(indent=2) + "\n"


def _write(parent: Path, name: str, files: Mapping[str, Writer]) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    staging = new_staging_folder(parent, name)
    try:
        with locked(staging):
            for file, write in files.items():
                write(staging / file)
            (staging / layout.CHECKSUMS).write_text(_checksums(staging, files), encoding="utf-8")
            for path in (*staging.iterdir(), staging):
                flush(path)
            with suppress(OSError):  # a file system that refuses it sets the permissions itself
                staging.chmod(0o755)
            return _publish(staging, parent, name)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _rescue(name: str, files: Mapping[str, Writer]) -> Path | None:
    for folder in private_folders():
        try:
            return _write(folder, name, files)
        except OSError as error:  # noqa: PERF203 - the next folder may do
            logger.debug("nothing can be kept in %s: %s", folder, error)
    return None


def _publish(staging: Path, parent: Path, name: str) -> Path:
    for attempt in range(1, 1000):
        target = parent / (name if attempt == 1 else f"{name}-{attempt}")
        if target.exists():
            continue
        try:
            move_folder(staging, target, last=layout.CHECKSUMS)
        except FileExistsError:
            continue
        flush(parent)
        return target
    raise FileExistsError(f"{parent / name} and 998 numbered names are taken")


def _checksums(folder: Path, files: Mapping[str, Writer]) -> str:
    return "".join(
        f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in sorted(files)
    )
