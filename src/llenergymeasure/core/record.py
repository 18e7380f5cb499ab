"""The base of every record that crosses a process or is stored in a file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_whole)]
"""A whole number, also where a file has it as 7.0: fields that were floats in early files of 2.0.0."""


class Record(BaseModel):
    """A frozen pydantic model without NaN or infinity.

    A misspelt field is refused, so that our own code cannot write one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="strings")
    # The last one is for fields of any type, such as the stored value of a finding: JSON has no NaN.
