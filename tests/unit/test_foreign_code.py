"""An exception of other people's code is told by its class and by the line that says what is wrong."""

from __future__ import annotations

import pytest

from llenergymeasure.foreign_code import described


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("it broke\nsomewhere", "ValueError: it broke"),
        (
            "Class validation error for validator 'x':\n    ValueError: 5 does not divide 64",
            "does not divide 64",
        ),
        (
            "Class validation error for validator 'x':",
            "ValueError: Class validation error for validator 'x':",
        ),
        ("", "ValueError without a text"),
        ("\n \n", "ValueError without a text"),
    ],
)
def test_the_line_that_says_what_is_wrong_is_told(text: str, told: str) -> None:
    line = described(ValueError(text))
    assert line.endswith(told)
    assert "\n" not in line


def test_the_place_is_told_of_an_exception_that_says_nothing() -> None:
    with pytest.raises(NotImplementedError) as raised:
        raise NotImplementedError
    assert "NotImplementedError without a text, raised at " in described(raised.value)
    assert f"{__file__}:" in described(raised.value)
