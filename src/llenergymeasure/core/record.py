"""The base of every record that crosses a process or is stored in a file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen pydantic model without NaN or infinity.

    A misspelt field is refused, so that our own code cannot write one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="strings")
    # The last one is for fields of any type, such as the stored value of a finding: JSON has no NaN.
