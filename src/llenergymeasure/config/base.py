"""The base of every configuration section."""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

NOT_MEASURED: Final = "not measured"
"""Marks a field that does not affect the measurement, `Annotated[str, NOT_MEASURED]`: `config_hash` leaves it out."""


T = TypeVar("T")
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Items = Annotated[
    tuple[T, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
]
"""A list, as a file gives it, kept as a tuple: sections are immutable."""
WEEK_S: Final = 604_800.0
Seconds = Annotated[float, Field(ge=0, le=WEEK_S)]
"""How long a part of a run lasts; of more than a week, a digit or an exponent is wrong."""
Tokens = Annotated[int, Field(ge=1, le=10**9)]
"""A number of tokens; some write a large one for "no limit"."""


class Section(BaseModel):
    """A part of the configuration: immutable, strict about keys and types, described field by field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class StoredOptions(Section):
    """The options of a plugin that is not installed here, as a bundle has them."""

    model_config = ConfigDict(extra="allow")
