"""The base of every configuration section."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

NOT_MEASURED: Final = "not measured"
"""Marks a field that does not affect the measurement, `Annotated[str, NOT_MEASURED]`: `config_hash` leaves it out."""


class Section(BaseModel):
    """A part of the configuration: immutable, strict about unknown keys, described field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
