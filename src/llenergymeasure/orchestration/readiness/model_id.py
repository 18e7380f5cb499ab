"""Whether a reference can be the id of a model on the Hub at all."""

from __future__ import annotations

import re
from pathlib import Path

from llenergymeasure.domain.model.reference import ModelRef

_ID = re.compile(r"(?!.*(--|\.\.))(\w[\w.-]*/)?\w([\w.-]{0,94}\w)?", re.ASCII)
"""OWNER/NAME, or NAME alone: letters, digits, `-`, `_` and `.`, none of the last two doubled or at an end, the name no
longer than 96 (huggingface_hub, `validate_repo_id`)."""


def model_id_problem(ref: ModelRef) -> str | None:
    """Return why no model can be had under this reference, or None: it is a file, or no id that the Hub could have."""
    if ref.kind != "hub":
        return None
    if _is_file(ref.text):
        return f"model {ref.text} is a file → name the folder that holds the model, or a .gguf file"
    if _ID.fullmatch(ref.name):
        return None
    text = f"'{ref.text}'" if ref.text.isprintable() else repr(ref.text)
    return (
        f"model {text} is no folder of this machine, and cannot be an id on the Hub → write OWNER/NAME with "
        "letters, digits, '-', '_' and '.', or the path of a folder"
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
