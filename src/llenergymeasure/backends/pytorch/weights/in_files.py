"""Whether the files of a model contain every tensor that it has, in its shape, by their tables of contents."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

from llenergymeasure.backends.pytorch.error_messages import explain_weights
from llenergymeasure.backends.pytorch.weights.report import weight_faults
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.weight_faults import WeightFaults
from llenergymeasure.exceptions import BackendError

logger = logging.getLogger(__name__)

_OTHER_FILES = {"variant", "use_safetensors", "gguf_file", "weights_only"}
"""Arguments by which other files are read than those looked at here."""
SHOWN = 3


def tensor_refusal(folder: Path, config: ExperimentConfig, shape: Any) -> str | None:
    """Return which file cannot be read, or which tensors would be random; None too where neither is known in advance.

    transformers itself loads the names and shapes of the tensors onto its device without memory.
    """
    given = config.passthrough_kwargs or {}
    if _OTHER_FILES & set(given):
        return None
    try:
        tensors = _tensors_of(folder)
    except BackendError as error:
        return str(error)
    known = not getattr(shape, "quantization_config", None) and importlib.util.find_spec("accelerate")
    if tensors is None or not known:
        return None
    try:
        faults = _faults(tensors, shape, given)
    except Exception as error:  # noqa: BLE001 - a rehearsal alone refuses nothing: loading explains its failures
        logger.debug("the tensors of %s are not known in advance: %s", folder, error)
        if "ignore_mismatched_sizes" not in str(error):
            return None
        return (
            f"model {config.model}: the weights do not have the shapes that config.json says → use files of one "
            "model"
        )
    if faults is None or not faults.n_random:
        return None
    if faults.n_mismatched and not faults.n_missing:
        return None  # asked for with ignore_mismatched_sizes
    names = ", ".join(faults.random_names[:SHOWN]) + (", ..." if faults.n_random > SHOWN else "")
    return (
        f"model {config.model} lacks {faults.n_random} of its {faults.n_tensors} tensors ({names}), and random weights "
        "would take their place → download or convert it again, all its parts, or set weights: random"
    )


def _faults(tensors: dict[str, Any], shape: Any, given: dict[str, Any]) -> WeightFaults | None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    architecture = MODEL_FOR_CAUSAL_LM_MAPPING[type(shape)]
    options = {key: value for key, value in given.items() if key != "subfolder"}
    model, report = architecture.from_pretrained(
        None,
        config=shape,
        state_dict=tensors,
        device_map={"": "meta"},
        output_loading_info=True,
        **options,
    )
    return weight_faults(model, report)


def _tensors_of(folder: Path) -> dict[str, Any] | None:
    """Return the tensors of a folder's weights without their data, from the files that transformers would choose.

    None where it has no file of the usual name.

    Raises:
        BackendError: one of the files cannot be read, with its name.
    """
    tensors: dict[str, Any] = {}
    files = _weight_files(folder)
    for file in files:
        with explain_weights(file):
            tensors.update(_safetensors(file) if file.suffix == ".safetensors" else _pickled(file))
    return tensors if files else None


def _weight_files(folder: Path) -> list[Path]:
    for name in (
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ):
        file = folder / name
        if file.is_file() and file.suffix != ".json":
            return [file]
        if file.is_file():
            shards = json.loads(file.read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / shard for shard in sorted(set(shards))]
    return []


def _safetensors(file: Path) -> dict[str, Any]:
    import torch
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return {
            name: torch.empty(opened.get_slice(name).get_shape(), dtype=torch.float16, device="meta")
            for name in opened.keys()  # noqa: SIM118 - not a mapping
        }


def _pickled(file: Path) -> dict[str, Any]:
    import torch

    loaded = torch.load(file, map_location="meta", weights_only=True)
    if not isinstance(loaded, dict):
        raise TypeError(f"tensors by name are needed, and it holds a {type(loaded).__name__}")
    return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, torch.Tensor)}
