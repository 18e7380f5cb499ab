"""How the next token is chosen: the `decoder:` section."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeGuard

from pydantic import Field, model_validator

from llenergymeasure.config.base import Section

LEAST_TEMPERATURE = 1e-6
"""Logits divided by less may overflow."""
_OFF: Mapping[str, Collection[float]] = {"top_k": (0, -1), "top_p": (1,), "repetition_penalty": (1,)}
"""Values with which a setting does nothing, as other tools write it: the same as null."""


class DecoderConfig(Section):
    """How the next token is chosen."""

    preset: Literal["deterministic", "sampling"] = "deterministic"
    """`deterministic`: the most likely token (greedy, or beam search). `sampling`: drawn; the next three imply it."""
    temperature: float | None = Field(None, ge=0, le=1000)
    """Divides the logits: 0 is greedy decoding (kept as null), above 0 it implies sampling, whose default is 1."""
    top_k: int | None = Field(None, ge=1, le=10**9)
    """Draw from the k most likely tokens; implies sampling. 0 and -1 are null: from the whole vocabulary."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Draw from the smallest set with this probability; implies sampling. 1 is null: from the whole vocabulary."""
    repetition_penalty: float | None = Field(None, ge=0.001, le=1000)
    """Lowers the score of tokens already seen; 1 is none, and kept as null."""
    ignore_eos: bool = False
    """Generate exactly max_output_tokens, so that every configuration does the same work."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_form(cls, settings: Any) -> Any:
        return _one_form(settings) if isinstance(settings, Mapping) else settings


def _one_form(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in the one form of all that mean the same, so that their hash is the same.

    Raises:
        ValueError: settings that contradict each other.
    """
    form = {key: None if _is_off(key, value) else value for key, value in settings.items()}
    temperature, preset = form.get("temperature"), form.get("preset")
    greedy = _is_number(temperature) and temperature == 0
    if greedy:
        form["temperature"] = None
    drawing = [name for name in ("temperature", "top_k", "top_p") if form.get(name) is not None]
    if greedy and (drawing or preset == "sampling"):
        other = drawing[0] if drawing else "preset: sampling"
        raise ValueError(f"temperature: 0 is greedy decoding, which excludes {other}: remove one of the two")
    if drawing and preset == "deterministic":
        raise ValueError(f"{drawing[0]} has no effect with preset: deterministic: remove one of the two")
    if _is_number(temperature) and 0 < temperature < LEAST_TEMPERATURE:
        raise ValueError(
            f"temperature {temperature} is too close to 0 to divide by: write 0 for greedy decoding"
        )
    if drawing or preset == "sampling":
        return {"preset": "sampling", **form, "temperature": 1.0 if temperature is None else temperature}
    return form


def _is_off(key: str, value: Any) -> bool:
    return _is_number(value) and value in _OFF.get(key, ())


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
