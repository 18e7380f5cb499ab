"""Whether a folder of this machine holds a LoRA adapter as peft writes it."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.model.files.content import FileProblem, read_json_object, require_content
from llenergymeasure.domain.model.files.folder import ADAPTER
from llenergymeasure.domain.model.files.safetensors_header import require_whole_safetensors

_WEIGHTS = "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"


def adapter_problem(name: str) -> str | None:
    """Return why an adapter cannot be loaded, with the fix, or None; None too for an id on the Hub."""
    try:
        folder = Path(name)
        if not folder.exists():
            is_path = folder.is_absolute() or name.startswith((".", "~"))
            return f"adapter {name} does not exist → correct the path" if is_path else None
        _require_adapter(folder)
    except FileProblem as problem:
        return str(problem)
    except (OSError, ValueError) as error:
        return (
            f"adapter {name} cannot be read: {getattr(error, 'strerror', None) or error} → correct the path"
        )
    return None


def _require_adapter(folder: Path) -> None:
    settings = folder / ADAPTER
    if not folder.is_dir() or not (settings.exists() or settings.is_symlink()):
        raise FileProblem(
            f"adapter {folder} has no {ADAPTER} → name the folder of a peft adapter that `save_pretrained` filled"
        )
    kind = read_json_object(settings).get("peft_type")
    if kind != "LORA":
        raise FileProblem(
            f"adapter {folder} is of type {kind!r:.60} ({ADAPTER}), not LORA → choose a LoRA adapter"
        )
    weights, pickled = folder / _WEIGHTS, folder / _PICKLED
    if weights.exists() or weights.is_symlink():
        require_whole_safetensors(weights)
    elif pickled.exists() or pickled.is_symlink():
        require_content(pickled)
    else:
        raise FileProblem(f"adapter {folder} has no weights ({_WEIGHTS}) → copy or download it again")
