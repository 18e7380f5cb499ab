"""Every warning has a row in the table, and its severity follows from its size."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import llenergymeasure
from llenergymeasure.metrics import checks
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.table import WARNING_CODES
from llenergymeasure.metrics.checks.verdict import CHECKS

SOURCES = Path(llenergymeasure.__file__).parent


def test_every_row_that_a_check_declares_is_in_the_table() -> None:
    declared: dict[str, WarningCode] = {}
    for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            rows = value if isinstance(value, tuple) else (value,)
            declared.update({row.code: row for row in rows if isinstance(row, WarningCode)})
    assert set(declared) == {row.code for row in WARNING_CODES}


def test_every_check_that_is_written_is_made() -> None:
    written = {
        value
        for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}.")
        for name, value in vars(importlib.import_module(module.name)).items()
        if name.startswith("check_")
    }
    assert written == set(CHECKS)


def test_no_warning_is_made_without_a_row() -> None:
    makers = [
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if re.search(r"\bRunWarning\((?!Record)", path.read_text(encoding="utf-8"))
    ]
    assert makers == ["metrics/checks/code.py"]


def test_codes_are_unique() -> None:
    codes = [row.code for row in WARNING_CODES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("row", WARNING_CODES, ids=lambda row: row.code)
def test_every_row_says_what_it_means_what_to_do_and_why_it_is_so_severe(row: WarningCode) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.code)
    for text in (row.meaning, row.remedy, row.because):
        assert text[0].isupper() or text[0].isdigit() or text[0] == "`"
        assert text.endswith(".")


LEVELS = Levels(of="fraction of the readings", info=0.01, warning=0.1, invalid=0.5)


@pytest.mark.parametrize(
    ("magnitude", "severity"),
    [(0.01, None), (0.02, "info"), (0.1, "info"), (0.11, "warning"), (0.5, "warning"), (0.51, "invalid")],
)
def test_severity_is_that_of_the_highest_limit_exceeded(magnitude: float, severity: str | None) -> None:
    assert LEVELS.severity(magnitude) == severity


def test_a_warning_of_unknown_size_is_a_warning() -> None:
    row = WarningCode(code="any", meaning="Any.", remedy="None.", severity=LEVELS, because="A test.")
    (warning,) = row.raised("It happened.")
    assert (warning.severity, warning.magnitude) == ("warning", None)


def test_the_rule_reads_as_a_sentence() -> None:
    assert str(LEVELS) == ("info above 0.01; warning above 0.1; invalid above 0.5 (fraction of the readings)")
