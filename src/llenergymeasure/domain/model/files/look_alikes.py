"""Folders that are named as a model but are something else, told by the files in them."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.model.files.content import FileProblem
from llenergymeasure.domain.model.reference import GGUF


def no_config(folder: Path) -> FileProblem:
    """Return what a folder without a config.json probably is, with the fix."""
    files = sorted(file.name for file in folder.glob(f"*{GGUF}"))
    if files:
        return FileProblem(
            f"model folder {folder} has no config.json, but GGUF files → name one: model: {folder / files[0]}"
        )
    if (folder / "model_index.json").is_file():
        return FileProblem(
            f"model folder {folder} is a diffusers pipeline (model_index.json), which makes images, not text → name "
            "the folder of a language model"
        )
    below = _models_below(folder)
    if below:
        return FileProblem(
            f"model folder {folder} has no config.json, but a folder in it has → name that one: model: {below[0]}"
        )
    if (folder / "params.json").is_file():
        return FileProblem(
            f"model folder {folder} has no config.json but params.json: these are files for the original code of its "
            "authors → download the version for transformers"
        )
    return FileProblem(
        f"model folder {folder} has no config.json → name the folder that `save_pretrained` or a download filled"
    )


def _models_below(folder: Path) -> list[Path]:
    """Return folders one step below, or below `snapshots/` as in the cache of the Hub, the newest first."""
    found = [*folder.glob("*/config.json"), *folder.glob("snapshots/*/config.json")]
    return [
        file.parent
        for file in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)
        if file.is_file()
    ]
