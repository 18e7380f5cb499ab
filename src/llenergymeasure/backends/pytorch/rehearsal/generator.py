"""Whether a configuration is that of a model which writes text token by token."""

from __future__ import annotations

from typing import Any

_OTHER_HEADS = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
    "ForImageClassification",
    "ForAudioClassification",
    "ForCTC",
    "RewardModel",
)
"""Classes of transformers whose output is no next token."""


def generator_refusal(name: str, shape: Any) -> str | None:
    """Return why a model generates no text, or None."""
    architecture = next(iter(getattr(shape, "architectures", None) or ()), None)
    called = f"{architecture or type(shape).__name__} (model_type {shape.model_type})"
    if getattr(shape, "is_encoder_decoder", False):
        return (
            f"model {name} is an encoder with a decoder, {called}, and this backend measures decoders only → choose a "
            "causal language model"
        )
    if _is_encoder(shape):
        return f"model {name} is an encoder, {called}, and generates no text → choose a causal language model"
    if str(architecture).endswith(_OTHER_HEADS) and not getattr(shape, "is_decoder", False):
        return f"model {name} has no head that generates text, {called} → choose a causal language model"
    if not _is_causal(shape):
        return (
            f"model {name} is no causal language model, {called}, and only those generate text token by token → choose "
            "another model"
        )
    return None


def state_refusal(name: str, shape: Any) -> str | None:
    """Return why a model can neither propose tokens nor take back those that were proposed to it, or None."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(shape) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return None
    if not getattr(MODEL_FOR_CAUSAL_LM_MAPPING[type(shape)], "_is_stateful", False):
        return None
    return (
        f"model {name} (model_type {shape.model_type}) keeps a state of all tokens that it has read, from which "
        "rejected ones cannot be removed → set neither pytorch.prompt_lookup_num_tokens nor pytorch.assistant_model"
    )


def _is_encoder(shape: Any) -> bool:
    """Architectures of masked language models have a causal class too, which needs is_decoder to be one."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind = shape.model_type
    masked = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return masked and causal and not getattr(shape, "is_decoder", False) and kind not in _BOTH


_BOTH = ("xlm", "xlnet", "flaubert", "reformer")
"""Trained as causal and as masked models; their configuration does not say `is_decoder`."""


def _is_causal(shape: Any) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    own_code = getattr(shape, "auto_map", None) or {}
    return type(shape) in MODEL_FOR_CAUSAL_LM_MAPPING or "AutoModelForCausalLM" in own_code
