"""LoRA adapters, through peft."""

from __future__ import annotations

from typing import Any

from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.exceptions import BackendError


def with_adapter(model: Any, options: PyTorchConfig) -> Any:
    """Return the model with its LoRA adapter: as layers of their own, or merged into the weights.

    The adapter computes in the precision of the model, as `precision` says; peft would take fp32.

    Raises:
        BackendError: the adapter is not a LoRA.
    """
    from peft import PeftConfig, PeftModel

    name, revision = options.lora_adapter, options.lora_revision
    kind = PeftConfig.from_pretrained(name, revision=revision).peft_type
    if kind != "LORA":
        raise BackendError(f"adapter {name} is of type {kind}: pytorch.lora_adapter takes LoRA adapters only")
    adapted = PeftModel.from_pretrained(model, name, revision=revision, autocast_adapter_dtype=False)
    return adapted.merge_and_unload() if options.lora_merge else adapted.get_base_model()
