"""Claims about the reference pages of the command line."""

from __future__ import annotations

import inspect
from pathlib import Path

from llenergymeasure import exceptions
from llenergymeasure.cli.app import app
from llenergymeasure.exceptions import LLEMError

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_every_error_is_listed_with_its_exit_code() -> None:
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    classes = [
        each for _, each in inspect.getmembers(exceptions, inspect.isclass) if issubclass(each, LLEMError)
    ]
    missing = [each for each in classes if f"| {each.exit_code} | `{each.__name__}` |" not in page]
    assert missing == []


def test_every_command_is_listed() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    commands = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    assert {"run", "show", "doctor", "schema"} <= set(commands)
    assert [name for name in commands if f"| `llem {name}" not in page] == []
