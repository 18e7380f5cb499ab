"""What every stored record refuses and accepts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from llenergymeasure.domain.breakdowns.attribution import ObservedRange


def test_a_count_that_a_file_has_as_a_float_is_read_as_a_whole_number() -> None:
    stored = ObservedRange.model_validate_json('{"least": 7.0, "most": 64}', strict=True)
    assert stored.model_dump_json() == '{"least":7,"most":64}'


def test_a_count_with_a_fraction_is_refused() -> None:
    with pytest.raises(ValidationError, match="integer"):
        ObservedRange.model_validate_json('{"least": 7.5, "most": 64}', strict=True)
